"""The typesetter reaches neither the network nor the disk."""

import pytest
from weasyprint.urls import FatalURLFetchingError

from registry.reports.typesetting import typeset
from tests.registry.reports.samples import NOON


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.png", "file:///etc/hostname", "ftp://127.0.0.1/x"]
)
def test_an_address_in_the_page_stops_the_rendering(address):
    page = f'<html lang="en"><title>t</title><img alt="x" src="{address}">'

    with pytest.raises(FatalURLFetchingError):
        typeset(page, attachment=b"{}", attachment_name="x.json", at=NOON)
