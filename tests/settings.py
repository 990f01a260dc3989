"""The product's settings, in a throw-away folder and with passwords that hash fast."""

import os
import tempfile

os.environ.setdefault("ATTESTRY_VAR", tempfile.mkdtemp(prefix="attestry-test-"))

from config.settings import *  # noqa: F403 - these are its settings

# Tests in this process call the tasks themselves; journeys use a real worker.
ATTESTRY_BROKER_URL = ""
# Django's list of common passwords takes longer to read than all else that a test does.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Gates run in a test's own transaction, where no second thread can renew a lease.
ATTESTRY_LEASE_SECONDS = 3600
