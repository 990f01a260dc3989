"""The WSGI entry point that waitress (embedded) and granian (production) serve."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from audit.proofs import refuse_altered_database  # noqa: E402 - Django is set up now

refuse_altered_database()

# What is loaded by now stays: the collector need not look through it again and again.
gc.collect()
gc.freeze()
