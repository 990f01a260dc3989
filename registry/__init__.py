"""The top floor: may this model version serve, who says so, on what evidence."""
