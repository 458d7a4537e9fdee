"""Every setting, read from the environment once. A default is either safe or absent."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from clinic.config import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# --- where we are -------------------------------------------------------------------------------------
DEBUG = False
SECRET_KEY = env.secret_key("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
PUBLIC_URL, _PUBLIC_HOST, _HTTPS = env.public_url("PUBLIC_URL", "http://127.0.0.1:8000")
ALLOWED_HOSTS = [_PUBLIC_HOST, *env.words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
ROOT_URLCONF = "clinic.config.urls"
WSGI_APPLICATION = "clinic.config.wsgi.application"
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- what is inside -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "oauth2_provider",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "pgtrigger",
    "pghistory",
    "clinic.practice",
    "patients",
    "notifications",
    "scheduling",
    "clinic.config",
]
MIDDLEWARE = [
    "clinic.config.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "clinic.config.middleware.LimitsMiddleware",
    "clinic.practice.web.idle.IdleTimeoutMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "clinic.config.middleware.HistoryContextMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "clinic.config.middleware.PrivateResponseMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "clinic" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["clinic.config.components"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- where rows live ----------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **env.database("DATABASE_URL"),
        "CONN_MAX_AGE": env.integer("CONN_MAX_AGE", 60),
        # A worker outlives a database restart only if each reuse of a connection is checked.
        "CONN_HEALTH_CHECKS": True,
    }
}
# A statement of `clinic.practice.prepared` is planned when a connection meets it again; all others never are.
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1
PGHISTORY_APPEND_ONLY = True

# --- Redis: the broker's doorbell and a cache that may be empty at any time ------------------------------
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
# Late acknowledgement delivers at least once; every task is idempotent and takes ids only.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A Redis that is full refuses what it is told: a worker waits for room, and need not be started anew.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "default"

# --- how often: tries and the seconds of their window, counted in Redis ---------------------------------
LIMITS = {
    "program": env.limit("LIMIT_PROGRAM", "6000/60"),
    "staff": env.limit("LIMIT_STAFF", "600/60"),
    "token": env.limit("LIMIT_TOKEN", "120/60"),
    # A clinic is one address to us: whoever mistypes there must not close the door for everybody.
    "sign_in_address": env.limit("LIMIT_SIGN_IN_ADDRESS", "60/300"),
    "sign_in_here": env.limit("LIMIT_SIGN_IN_HERE", "5/300"),
    "sign_in_name": env.limit("LIMIT_SIGN_IN_NAME", "20/300"),
    "second_factor": env.limit("LIMIT_SECOND_FACTOR", "5/300"),
    # Patients at home: a family is one address to us, a mobile network too.
    "link": env.limit("LIMIT_LINK", "300/60"),
    "link_again": env.limit("LIMIT_LINK_AGAIN", "10/3600"),
}

# --- people signing in --------------------------------------------------------------------------------
AUTH_USER_MODEL = "practice.StaffMember"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# The first makes new hashes; a hash of another is made anew at the next sign-in.
PASSWORD_HASHERS = [
    "clinic.practice.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# NIST SP 800-63B-4: 15 characters where the password stands alone, no composition rule, no expiry.
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_ADAPTER = "clinic.practice.web.adapter.StaffAccountAdapter"
MFA_ADAPTER = "clinic.practice.web.adapter.StaffFactorAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
# The library's counts live in one process and are read before they are written: ours are `LIMITS`.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_RECOVERY_CODES_SHOW_ONCE = True
# A clock that is half a minute off is no attack; a code counts once all the same.
MFA_TOTP_TOLERANCE = 1
# A browser gives passkeys to https, and to http on this machine.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _HTTPS
MFA_FORMS = {
    "authenticate": "clinic.practice.web.factor_forms.AuthenticateForm",
    "reauthenticate": "clinic.practice.web.factor_forms.ReauthenticateForm",
    "activate_totp": "clinic.practice.web.factor_forms.ActivateForm",
    "authenticate_webauthn": "clinic.practice.web.factor_forms.AuthenticateKeyForm",
    "reauthenticate_webauthn": "clinic.practice.web.factor_forms.ReauthenticateKeyForm",
}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_NAME = "__Host-session" if _HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _HTTPS else "csrftoken"

# --- programs -----------------------------------------------------------------------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "practice.IntegrationClient"
OAUTH2_PROVIDER = {
    "SCOPES_BACKEND_CLASS": "clinic.practice.api.scopes.PracticeScopes",
    # The whole server: client credentials and nothing else.
    "OAUTH2_SERVER_CLASS": "oauthlib.oauth2.BackendApplicationServer",
    "OAUTH2_VALIDATOR_CLASS": "clinic.practice.api.tokens.ClientValidator",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    # RFC 9700: tokens are stored as hashes only and never travel in an address; the rest guards grants that
    # are not offered.
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["clinic.practice.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["clinic.practice.api.permissions.ScopePermission"],
    "DEFAULT_PARSER_CLASSES": ["clinic.practice.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "clinic.practice.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "clinic.config.errors.exception_handler",
    "DEFAULT_PAGINATION_CLASS": None,
    # `?format=` is an unknown parameter like any other.
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Clinic treatment-course scheduling",
    "DESCRIPTION": "Courses of treatment in which every dose is followed by its integration visit in time. "
    "Programs use an access token by client credentials; times are RFC 3339 with an offset.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # The document tells of no patient: it is public, so that a client can be generated before it has a token.
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "AppointmentStatus": "scheduling.models.appointment.Status",
        "AppointmentKind": "scheduling.models.appointment.Kind",
        "Mode": "scheduling.models.appointment.Mode",
        "ImportMode": "clinic.practice.importing.Mode",
        "ActMode": "scheduling.api.move_shapes.MODES",
        "CourseStatus": "scheduling.models.course.CourseStatus",
        "GapStatus": "scheduling.models.followup.GapStatus",
        "Severity": "scheduling.models.followup.Severity",
        "MessageStatus": "notifications.models.message.State",
        "DeliveryStatus": "notifications.models.webhook.DeliveryState",
        "EventType": "notifications.api.webhook_forms.TYPES",
        "Channel": "patients.models.contact.Channel",
        "Language": "patients.models.patient.Language",
        "EligibilityDecision": "patients.models.clinical.EligibilityDecision.Decision",
        "MessagingDecision": "patients.models.contact.MessagingConsent.Decision",
        "Role": "clinic.practice.models.staff.Role",
        "MessagingCategory": "patients.models.contact.CATEGORIES",
        "AddressPurpose": "patients.models.contact.Purpose",
        "CancelReason": "scheduling.reasons.CHOICES",
        "FollowUpFate": "scheduling.api.life_asks.FOLLOW_UP",
        "CorrectedStatus": "scheduling.api.life_asks.CORRECTED",
        "ReviewDecision": "scheduling.models.review.Decision",
        "ImportOutcome": "clinic.practice.importing.Outcome",
        "FeedShows": "scheduling.api.feeds.WHAT",
        "OfferState": "scheduling.models.waitlist.OfferState",
        "WaitlistStatus": "scheduling.models.waitlist.WaitlistStatus",
        "PartOfDay": "scheduling.api.waitlist_asks.PARTS_OF_DAY",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# --- messages leaving the building ----------------------------------------------------------------------
_SMTP = env.smtp("SMTP_URL", "smtp://127.0.0.1:25")
EMAIL_HOST = _SMTP["EMAIL_HOST"]
EMAIL_PORT = _SMTP["EMAIL_PORT"]
EMAIL_HOST_USER = _SMTP["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _SMTP["EMAIL_HOST_PASSWORD"]
EMAIL_USE_SSL = _SMTP["EMAIL_USE_SSL"]
EMAIL_USE_TLS = _SMTP["EMAIL_USE_TLS"]
# A provider that does not answer: so long for a connection, and so long for each part of an answer.
PROVIDER_CONNECT_SECONDS = env.seconds("PROVIDER_CONNECT_SECONDS", 3)
PROVIDER_READ_SECONDS = env.seconds("PROVIDER_READ_SECONDS", 10)
EMAIL_TIMEOUT = PROVIDER_READ_SECONDS
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"visits@{_PUBLIC_HOST}")
# Where bounces come back to, and the secret of whoever brings them to us.
BOUNCE_ADDRESS = env.mailbox("BOUNCE_ADDRESS", "")
BOUNCE_TOKEN = env.text("BOUNCE_TOKEN", "")
SMS_PROVIDER = env.one_of("SMS_PROVIDER", ("twilio", "telnyx", "console"))
EMAIL_PROVIDER = env.one_of("EMAIL_PROVIDER", ("smtp", "console"))
# The providers with whom there is an agreement on patients' data; where we are public no other gets any.
MESSAGE_BAA_SIGNED = env.words("MESSAGE_BAA_SIGNED")
# Their own answers to STOP, START and HELP, which both give unless they are told not to.
SMS_PROVIDER_ANSWERS_STOP = env.boolean("SMS_PROVIDER_ANSWERS_STOP", True)
# Only once the provider brings us what patients answer: nobody must be asked to answer into the void.
SMS_ASKS_FOR_REPLIES = env.boolean("SMS_ASKS_FOR_REPLIES", False)
TWILIO_API_BASE = env.text("TWILIO_API_BASE", "https://api.twilio.com")
TWILIO_ACCOUNT_SID = env.text("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.text("TWILIO_AUTH_TOKEN", "")
TWILIO_FROM = env.text("TWILIO_FROM", "")
TELNYX_API_BASE = env.text("TELNYX_API_BASE", "https://api.telnyx.com")
TELNYX_API_KEY = env.text("TELNYX_API_KEY", "")
TELNYX_PUBLIC_KEY = env.text("TELNYX_PUBLIC_KEY", "")
TELNYX_FROM = env.text("TELNYX_FROM", "")
# A message belongs to one worker for so long. A call begins only while MESSAGE_CALL_SECONDS of it are left:
# a process that was stopped gives up instead of sending late.
MESSAGE_LEASE_SECONDS = env.seconds("MESSAGE_LEASE_SECONDS", 60)
MESSAGE_CALL_SECONDS = env.seconds("MESSAGE_CALL_SECONDS", 20)
if not PROVIDER_CONNECT_SECONDS + PROVIDER_READ_SECONDS < MESSAGE_CALL_SECONDS < MESSAGE_LEASE_SECONDS:
    raise ImproperlyConfigured(
        "PROVIDER_CONNECT_SECONDS + PROVIDER_READ_SECONDS must be less than MESSAGE_CALL_SECONDS, "
        "and that less than MESSAGE_LEASE_SECONDS"
    )
if MESSAGE_CALL_SECONDS > 45:
    raise ImproperlyConfigured("MESSAGE_CALL_SECONDS must not be more than 45: the task would end before it")
# From one hand-over of a process to its next, at least: no storm at the provider after an outage.
MESSAGE_PAUSE_SECONDS = env.seconds("MESSAGE_PAUSE_SECONDS", 0.1)
# How often what is due is looked for, and what dead processes left behind.
MESSAGE_TICK_SECONDS = env.seconds("MESSAGE_TICK_SECONDS", 15)
RECOVERY_TICK_SECONDS = env.seconds("RECOVERY_TICK_SECONDS", 30)
REPLY_RETRY_SECONDS = env.seconds("REPLY_RETRY_SECONDS", 30)
# How long a provider is asked about a message in doubt, before it is a person's alone.
DOUBT_ASKED_SECONDS = env.seconds("DOUBT_ASKED_SECONDS", 3600)
# How long no worker may have been heard of before that is an alarm.
SILENCE_ALARM_SECONDS = env.seconds("SILENCE_ALARM_SECONDS", 120)
# Between two e-mails that tell one member of staff what has become urgent.
STAFF_ALERT_PAUSE_SECONDS = env.seconds("STAFF_ALERT_PAUSE_SECONDS", 900)
# For tests alone: a folder in which a process is told where to stop. Nowhere in the public.
CRASH_POINTS = "" if _HTTPS else env.text("CRASH_POINTS", "")
# The 3-minute grace: a move and its undo within it send nothing.
MESSAGE_GRACE_SECONDS = env.integer("MESSAGE_GRACE_SECONDS", 180)
# Law that begins on a day; regulators put such days off.
LAW_REVOKE_ALL_FROM = env.day("LAW_REVOKE_ALL_FROM", "2027-01-31")
# what HIPAA asks for documentation, 45 CFR 164.316(b)(2) and 164.530(j); another law asks for another.
LAW_RECORDS_KEPT_MONTHS = env.integer("LAW_RECORDS_KEPT_MONTHS", 72)
# For development: webhooks by http, and to this machine and network. Without effect where we are public.
WEBHOOKS_TO_INNER_ADDRESSES = env.boolean("WEBHOOKS_TO_INNER_ADDRESSES", False) and not _HTTPS
WEBHOOK_DELIVERIES_KEPT_DAYS = env.integer("WEBHOOK_DELIVERIES_KEPT_DAYS", 90)

# --- scheduling ---------------------------------------------------------------------------------------
PROPOSAL_MAX_AGE_SECONDS = env.integer("PROPOSAL_MAX_AGE_SECONDS", 900)
LOCK_TIMEOUT_MS = env.integer("LOCK_TIMEOUT_MS", 3000)
STATEMENT_TIMEOUT_MS = env.integer("STATEMENT_TIMEOUT_MS", 10000)

# --- the browser's rules --------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = _HTTPS
_BEHIND_PROXY = env.boolean("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _BEHIND_PROXY else None
# Failed sign-ins are counted by address: without this all would come from the proxy's, and ten of anybody's
# would keep everybody out. The last address of X-Forwarded-For is the one that the proxy wrote itself.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _BEHIND_PROXY else 0
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _HTTPS
SECURE_HSTS_PRELOAD = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
# Not `no-referrer`: browsers then send `Origin: null` with our own forms, and every one of them is refused.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "clinic" / "static"]
_MANIFEST = env.boolean("STATIC_MANIFEST", True)
# Without a manifest (tests, development) files are looked for when asked; nothing is scanned at the start.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not _MANIFEST
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _MANIFEST
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Without it /metrics answers on this machine, and nobody where the product is on a network.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
METRICS_OPEN = not _HTTPS

LOGGING = logs.configuration(level=env.text("LOG_LEVEL", "INFO"))
