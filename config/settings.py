"""The one settings module and the only reader of the environment.

`docs/configuration.md` explains every variable; a test compares the two.
"""

import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from config import env

# Lets `ModelAdmin[Event]` and the like be written, as mypy wants them.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# What an installation says of itself

VAR = env.folder("ATTESTRY_VAR", BASE_DIR / "var", shown_as="<project>/var")
DEBUG = env.switch("ATTESTRY_DEBUG", default=False)
ALLOWED_HOSTS = env.names("ATTESTRY_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
HTTPS_ONLY = env.switch("ATTESTRY_HTTPS_ONLY", default=False)
ATTESTRY_BROKER_URL = env.secret("ATTESTRY_BROKER_URL", shown_as="none") or ""
ATTESTRY_ARTIFACT_ROOT = env.folder(
    "ATTESTRY_ARTIFACT_ROOT", VAR / "artifacts", shown_as="<ATTESTRY_VAR>/artifacts"
)
ATTESTRY_ARTIFACT_MAX_BYTES = env.integer(
    "ATTESTRY_ARTIFACT_MAX_BYTES", 10 * 2**30, least=1, most=2**50
)
ATTESTRY_TOKEN_DAYS = env.integer("ATTESTRY_TOKEN_DAYS", 90, least=1, most=3650)
ATTESTRY_LEASE_SECONDS = env.integer("ATTESTRY_LEASE_SECONDS", 30, least=2, most=3600)
ATTESTRY_LOG_ORIGIN = env.text("ATTESTRY_LOG_ORIGIN", "attestry.localhost/log")
ATTESTRY_LOG_KEY = env.key(
    "ATTESTRY_LOG_KEY", VAR / "log-key", shown_as="the file <ATTESTRY_VAR>/log-key"
)
ATTESTRY_LOG_MAC_KEY = env.key(
    "ATTESTRY_LOG_MAC_KEY",
    VAR / "log-mac-key",
    shown_as="the file <ATTESTRY_VAR>/log-mac-key",
)
ATTESTRY_LOG_GUARD = env.folder(
    "ATTESTRY_LOG_GUARD", VAR / "log-guard", shown_as="<ATTESTRY_VAR>/log-guard"
)
ATTESTRY_LOG_PUBLISH_TO = env.place(
    "ATTESTRY_LOG_PUBLISH_TO",
    VAR / "published-log",
    shown_as="<ATTESTRY_VAR>/published-log",
)
ATTESTRY_BUCKET_ENDPOINT_URL = env.text("ATTESTRY_BUCKET_ENDPOINT_URL")
ATTESTRY_LOG_SEQUENCER = env.choice(
    "ATTESTRY_LOG_SEQUENCER", ("after-commit", "own-process")
)
ATTESTRY_LOG_WITNESS_POLICY = env.file("ATTESTRY_LOG_WITNESS_POLICY")
ATTESTRY_LOG_WITNESS_EVERY_SECONDS = env.integer(
    "ATTESTRY_LOG_WITNESS_EVERY_SECONDS", 60, least=1, most=86400
)
ATTESTRY_WITNESS_KEY = env.key(
    "ATTESTRY_WITNESS_KEY",
    VAR / "witness-key",
    shown_as="the file <ATTESTRY_VAR>/witness-key",
)
ATTESTRY_WITNESS_LOGS = env.folder(
    "ATTESTRY_WITNESS_LOGS",
    VAR / "witnessed-logs",
    shown_as="<ATTESTRY_VAR>/witnessed-logs",
)
ATTESTRY_SECOND_FACTOR_KEY = env.key(
    "ATTESTRY_SECOND_FACTOR_KEY",
    VAR / "second-factor-key",
    shown_as="the file <ATTESTRY_VAR>/second-factor-key",
)
ATTESTRY_LOG_PUBLIC = env.switch("ATTESTRY_LOG_PUBLIC", default=False)
ATTESTRY_LOG_COPY_EMAIL_TO = env.names("ATTESTRY_LOG_COPY_EMAIL_TO")
ATTESTRY_LOG_COPY_WEBHOOK_URL = env.text("ATTESTRY_LOG_COPY_WEBHOOK_URL")
ATTESTRY_LOG_COPY_WEBHOOK_SECRET = (
    env.secret("ATTESTRY_LOG_COPY_WEBHOOK_SECRET", shown_as="none") or ""
)
ATTESTRY_LOG_TIMESTAMP_URL = env.text("ATTESTRY_LOG_TIMESTAMP_URL")
ATTESTRY_LOG_TIMESTAMP_ROOTS = env.file("ATTESTRY_LOG_TIMESTAMP_ROOTS")
if ATTESTRY_LOG_TIMESTAMP_URL and (
    ATTESTRY_LOG_TIMESTAMP_ROOTS is None or find_spec("rfc3161_client") is None
):
    raise ImproperlyConfigured(
        "ATTESTRY_LOG_TIMESTAMP_URL is set: install the extra 'timestamp' "
        "(rfc3161-client), and set ATTESTRY_LOG_TIMESTAMP_ROOTS to a file with the "
        "authority's root certificates."
    )
ATTESTRY_LOG_COPY_EVERY_SECONDS = env.integer(
    "ATTESTRY_LOG_COPY_EVERY_SECONDS", 86400, least=60, most=31 * 86400
)
if ATTESTRY_LOG_COPY_WEBHOOK_URL and not ATTESTRY_LOG_COPY_WEBHOOK_URL.startswith(
    ("https://", "http://")
):
    raise ImproperlyConfigured(
        "ATTESTRY_LOG_COPY_WEBHOOK_URL is no address: write https://host/path."
    )
ATTESTRY_LOG_SCRUB_EVERY_SECONDS = env.integer(
    "ATTESTRY_LOG_SCRUB_EVERY_SECONDS", 60, least=0, most=7 * 86400
)
ATTESTRY_LOG_VERIFY_NEW_EVERY_SECONDS = env.integer(
    "ATTESTRY_LOG_VERIFY_NEW_EVERY_SECONDS", 300, least=0, most=7 * 86400
)
ATTESTRY_LOG_VERIFY_FULL_EVERY_SECONDS = env.integer(
    "ATTESTRY_LOG_VERIFY_FULL_EVERY_SECONDS", 86400, least=0, most=31 * 86400
)
ATTESTRY_SIGN_OFFS_VERIFY_EVERY_SECONDS = env.integer(
    "ATTESTRY_SIGN_OFFS_VERIFY_EVERY_SECONDS", 86400, least=0, most=31 * 86400
)
ATTESTRY_LOG_LAG_ALARM_SECONDS = env.integer(
    "ATTESTRY_LOG_LAG_ALARM_SECONDS", 5, least=0, most=86400
)
ATTESTRY_LOG_LAG_REFUSES_SECONDS = env.integer(
    "ATTESTRY_LOG_LAG_REFUSES_SECONDS", 300, least=0, most=86400
)
ATTESTRY_ALARM_EMAIL_TO = env.names("ATTESTRY_ALARM_EMAIL_TO")
ATTESTRY_URL = env.text("ATTESTRY_URL").rstrip("/")
if ATTESTRY_URL and not ATTESTRY_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured(
        f"ATTESTRY_URL is {ATTESTRY_URL!r}: write https://attestry.example.org."
    )
ATTESTRY_WEBHOOK_KEY = env.key(
    "ATTESTRY_WEBHOOK_KEY",
    VAR / "webhook-key",
    shown_as="the file <ATTESTRY_VAR>/webhook-key",
)
ATTESTRY_WEBHOOK_INTERNAL_HOSTS = env.hosts("ATTESTRY_WEBHOOK_INTERNAL_HOSTS")
ATTESTRY_KILL_AT = env.text("ATTESTRY_KILL_AT")
LOG_LEVEL = env.text("ATTESTRY_LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise ImproperlyConfigured(
        f"ATTESTRY_LOG_LEVEL is {LOG_LEVEL!r}: set DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )


def _kept_secret_key() -> str:
    """Return the key beside the embedded database, made at the first start.

    O_EXCL lets exactly one of several starting processes write it.
    """
    path = VAR / "secret-key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        key = secrets.token_urlsafe(50)
        file.write(key)
    return key


SECRET_KEY = (
    env.secret(
        "ATTESTRY_SECRET_KEY", shown_as="made and kept in <ATTESTRY_VAR>/secret-key"
    )
    or _kept_secret_key()
)


# The database


def _database() -> dict[str, Any]:
    url = env.secret(
        "ATTESTRY_DATABASE_URL", shown_as="SQLite in <ATTESTRY_VAR>/attestry.sqlite3"
    )
    if not url:
        return _sqlite(str(VAR / "attestry.sqlite3"))
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except Exception as error:
        raise ImproperlyConfigured(
            "ATTESTRY_DATABASE_URL cannot be read: write "
            "postgres://user:password@host:5432/name or sqlite:////path/to/file."
        ) from error
    if config.get("ENGINE") == "django.db.backends.sqlite3":
        return _sqlite(config["NAME"])
    if config.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "ATTESTRY_DATABASE_URL names another database than PostgreSQL or SQLite: "
            "use postgres:// or sqlite://."
        )
    config["ENGINE"] = "config.postgresql"
    # Statements are prepared when they come for the fifth time on a connection: planning
    # the question who may see a run takes five times as long as answering it. PostgreSQL
    # takes such questions for expensive and would compile them, which takes longer still.
    config["OPTIONS"] = {
        "options": "-c jit=off",
        **config.get("OPTIONS", {}),
        "server_side_binding": True,
        "prepare_threshold": 5,
    }
    # Plain persistent connections: psycopg's pool does not survive Celery's fork.
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    config["TEST"] = {"NAME": f"test_{config['NAME']}"}
    return config


def _sqlite(name: str) -> dict[str, Any]:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # recursive_triggers lets the deny triggers see the delete inside REPLACE.
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                "PRAGMA recursive_triggers=ON;"
            ),
        },
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The applications

INSTALLED_APPS = [
    "config.apps.AttestryAdminConfig",
    # Before Django's own, whose commands about accounts would leave no entry.
    "audit",
    "tracking",
    "registry",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.short_way.ShortWayMiddleware",
    "config.errors.NoNulMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.errors.DomainErrorMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Who somebody is

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Memory-hard, in the standard library, and a fifth of the time that PBKDF2 takes.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "admin:login"
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_AGE = 8 * 3600
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS_ONLY else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
X_FRAME_OPTIONS = "DENY"

# Words and files

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# Bodies are limited where they are read: artifacts stream, JSON has its own bound.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tracking.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "tracking.api.pages.Pages",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "config.errors.problem_response",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Attestry API",
    "DESCRIPTION": "Registers model versions, runs quality gates, collects sign-offs.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "registry.models.sign_off.SignerRole",
        "WorkspaceRoleEnum": "tracking.permissions.Role",
        "GrantStateEnum": "tracking.models.role_grant.GrantState",
        "RequestStateEnum": "registry.models.RequestState",
        "DeliveryStateEnum": "registry.models.DeliveryState",
        "TierEnum": "registry.models.tier.Tier",
        "FindingCauseEnum": "registry.models.finding.FindingCause",
        "FindingStateEnum": "registry.models.finding.FindingState",
        "AttestationKindEnum": "registry.models.AttestationKind",
        "TriggerKindEnum": "registry.models.revalidation.TriggerKind",
        "EmergencyRoleEnum": "registry.api.special_paths.ROLES",
        "FieldKindEnum": "tracking.models.metadata.FieldKind",
    },
}

# Mail


def _mail() -> dict[str, Any]:
    url = env.secret("ATTESTRY_EMAIL_URL", shown_as="none")
    if not url:
        if ATTESTRY_ALARM_EMAIL_TO or ATTESTRY_LOG_COPY_EMAIL_TO:
            raise ImproperlyConfigured(
                "Mail is to be sent (ATTESTRY_ALARM_EMAIL_TO, "
                "ATTESTRY_LOG_COPY_EMAIL_TO), and ATTESTRY_EMAIL_URL says no server to "
                "send by: set it to smtp+tls://user:password@host:587."
            )
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    try:
        server: dict[str, Any] = environ.Env.email_url_config(url)
    except Exception as error:
        raise ImproperlyConfigured(
            "ATTESTRY_EMAIL_URL cannot be read: write "
            "smtp+tls://user:password@host:587 or smtp://host:25."
        ) from error
    return server


_MAIL = _mail()
ATTESTRY_SENDS_MAIL = not _MAIL["EMAIL_BACKEND"].endswith("dummy.EmailBackend")
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST = _MAIL.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _MAIL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _MAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _MAIL.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("ATTESTRY_EMAIL_FROM", "attestry@localhost")

# Background work
#
# The message is only a hint: what is to be done, and whether it was, stands in the
# database (`registry/models/leased_work.py`), so nothing is lost with a message.

CELERY_BROKER_URL = ATTESTRY_BROKER_URL or "memory://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        # Longer than the longest task; kombu looks for expired messages only every
        # unacked_restore_interval times throttle seconds.
        "visibility_timeout": 1800,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    if ATTESTRY_BROKER_URL
    else {"polling_interval": 0.05}
)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 840
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 100
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "redispatch unfinished work": {
        "task": "registry.redispatch_unfinished_work",
        "schedule": 10.0,
    },
    "end what is over": {
        "task": "registry.end_what_is_over",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "draw last month's sample of what nobody had to sign": {
        "task": "registry.draw_sample_reviews",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "sequence what a crash left pending": {
        "task": "audit.sequence_pending",
        "schedule": 10.0,
    },
    "put roles into effect that have waited long enough": {
        "task": "tracking.put_roles_into_effect",
        "schedule": 60.0,
    },
    "seal ended runs again that were written to": {
        "task": "tracking.seal_what_was_written_to",
        "schedule": 30.0,
        "options": {"expires": 30.0},
    },
    "send the newest checkpoint when it is due": {
        "task": "audit.send_copies_when_due",
        "schedule": 60.0,
    },
    "hold the sign-offs against the log when it is due": {
        "task": "registry.verify_sign_offs_when_due",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "verify the log when it is due": {
        "task": "audit.verify_when_due",
        "schedule": 10.0,
        # A long verification must not find a queue of these behind it.
        "options": {"expires": 10.0},
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        name: {"level": "WARNING"}
        for name in ("fontTools", "weasyprint", "celery.worker.strategy")
    },
}
