"""Secrets of several kinds, and the places in which they are planted: each becomes a test.

``{}`` stands for the secret. All secrets are made up.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from typing import Final

#: Passwords as people and programs make them; in prose and on command lines as well as in data.
PASSWORDS: Final = (
    "S3cr3tPass!", "hunter42", "Tr0ub4dor&3", "xK9#mQ2vL8", "P@ssw0rd2024", "qwerty-77-uiop", "9f8e7d6c5b4a",
    "correct-horse-9", "Zx7_yW2-vU5", "abcDEF.ghiJKL_123", "hunter(42)", "S3cret{x", "Secret[1]x", "n0t$afe.at_all",
    "ca7Astr0phe^", "winter2026moon", "b4n4n4~split", "LetMe1n%now", "4rm+adillo", "dr0wssap*rev",
)  # fmt: skip
#: Passwords that fit into an address or a query.
PLAIN: Final = (
    "S3cr3tPass",
    "hunter42",
    "xK9mQ2vL8",
    "P4ssw0rd2024",
    "9f8e7d6c5b4a",
    "Zx7_yW2-vU5",
    "winter2026moon",
    "dr0wssap.rev",
)

#: Places of a password, by kind.
PASSWORD_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "flag": ("mysql --password {} db", "run --db-password {} --verbose", "deploy --token {}", "app --api-key '{}' start", "tool --client-secret={}"),
    "list of arguments": (
        "Command '['mysql', '--password', '{}', 'db']' returned non-zero exit status 1.",
        '["deploy", "--token", "{}", "--verbose"]', "args=('psql', '--password', '{}')",
    ),
    "curl": ("curl -u bob:{} https://api.example.com/x", "curl --user deploy:{} -X POST https://h.example.com", "['curl', '-u', 'bob:{}', 'https://h.example.com']"),
    "program": ("sshpass -p {} ssh host.example.com", "docker login -u ci -p {} registry.example.com", "redis-cli -h cache -a {} ping", "ldapsearch -x -D cn=admin -w {} -b dc=x"),
    "shell": ("export DB_PASSWORD={}", "DB_PASSWORD={}", "PGPASSWORD={} psql -h db", "set API_SECRET={}", "- SMTP_PASSWORD={}", '$env:API_KEY = "{}"'),
    "dockerfile": ("ENV API_KEY {}", "ENV DB_PASSWORD={}", "ARG NPM_TOKEN={}", "setx API_TOKEN {}"),
    "ini": ("[db]\nuser = bob\npassword = {}\nhost = db", "password={}", "spring.datasource.password={}", "smtp.auth.secret: {}"),
    "json": ('{{"user": "bob", "password": "{}"}}', '{{"auth": {{"client_secret": "{}"}}}}', '"{{\\"password\\": \\"{}\\"}}"', "{{'api_key': '{}', 'n': 1}}"),
    "yaml": ("db:\n  user: bob\n  password: {}\n", "password:\n  {}\nuser: x", "client_secret: >-\n  {}\n", 'api_key: "{}"', "secrets:\n  - {}\n"),
    "toml": ('[auth]\ntoken = "{}"', 'password = """{}"""', "secret_key = '{}'"),
    "xml": ("<db><password>{}</password></db>", '<add key="ApiKey" value="{}" />', '<property name="password">{}</property>', "<ns:secret>{}</ns:secret>", "<param><name>password</name><value>{}</value></param>"),
    "html": ('<input type="hidden" name="csrf_token" value="{}">', '<input name="password" type="password" value="{}"/>', "<td>Password</td><td>{}</td>", '<input value="{}" name="api_key">', "<tr><th>API key</th><td>{}</td></tr>", '<meta name="csrf-token" content="{}">'),
    "name and value": (
        '{{"name": "OPENAI_API_KEY", "value": "{}"}}', '{{"key": "DB_PASSWORD", "value": "{}"}}', "{{'header': 'X-Api-Key', 'value': '{}'}}",
        "- name: DB_PASSWORD\n  value: {}\n", '{{"name": "SMTP_PASSWORD", "type": "secret", "value": "{}"}}', '{{"value": "{}", "name": "API_TOKEN"}}',
    ),
    "multipart": (
        '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{}\r\n--x--', 'Content-Disposition: form-data; name="api_key"\nContent-Type: text/plain\n\n{}\n--b--',
    ),
    "markdown table": ("| key | value |\n|---|---|\n| password | {} |\n", "| user | password |\n|------|----------|\n| bob | {} |\n", "| **API key** | `{}` |"),
    "drawn table": (" user | password \n------+----------\n bob  | {}\n(1 row)", "+------+--------+\n| user | secret |\n+------+--------+\n| bob  | {} |\n+------+--------+", "│ token │ {} │"),
    "csv": ("user,password,role\nbob,{},admin\n", "name;api_key\nx;{}\n"),
    "netrc": ("machine api.example.com login bob password {}", "machine h\n  login bob\n  password {}\n"),
    "header": ("X-Api-Key: {}", "Authorization: Token {}", "Cookie: sid={}; theme=dark", "('x-auth-token', '{}')", "-H 'X-Api-Key: {}'", "{{'set-cookie': 'sid={}'}}"),
    "connection string": ("Server=db;Uid=sa;Pwd={};Database=x", "host=db user=bob password={} dbname=x", "DRIVER={{ODBC}};UID=bob;PWD={};", "AccountName=x;AccountKey={};EndpointSuffix=core"),
    "code": ('login("bob", password="{}")', "const apiKey = '{}';", 'os.environ["API_KEY"] = "{}"', 'if password == "{}":', "setPassword('{}')", 'client.api_key = "{}"', 'localStorage.setItem("token", "{}")'),
    "sql": ("CREATE USER bob WITH PASSWORD '{}'", "ALTER ROLE bob PASSWORD '{}'", "GRANT ALL ON *.* TO 'bob'@'%' IDENTIFIED BY '{}'", "UPDATE u SET password = '{}' WHERE id = 3"),
    "pydantic": (
        "1 validation error for Settings\npassword\n  String should have at least 12 characters [type=string_too_short, input_value='{}', input_type=str]\n    For further information",
        "2 validation errors for M\ndb.api_key\n  Value error, no [type=value_error, input_value='{}', input_type=str]",
    ),
    "prose": ("the password is {}", "password: {}", "Passwort: {}", "contraseña={}", "mot de passe : {}", "senha: {}", "пароль: {}", "密码：{}", "パスワード：{}", "wachtwoord: {}", "hasło: {}", "Kennwort = {}", "비밀번호: {}", "api key：{}", "Das Passwort lautet {}"),
    "log": ("2026-01-02 10:11:12 DEBUG connect user=bob password={} host=db", "level=info msg=login token={} user=bob", 'INFO: kwargs={{"secret": "{}"}}', "Settings(user='bob', password='{}')", "auth failed (password={})"),
}  # fmt: skip
#: Places of a password that is part of an address or query.
PLAIN_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "address": (
        "postgresql://app:{}@db.internal:5432/prod", "postgresql:/app:{}@db/prod", "redis://:{}@cache:6379/0", "https://bob:{}@host.example.com/x",
        "mongodb+srv://u:{}@c0.example.net/db?w=1", "postgresql://u:a@{}@host/d", "amqp://guest:{}@mq", "jdbc:oracle:thin:scott/{}@db:1521:x", "bob:{}@db.example.com:5432",
    ),
    "query": ("https://h/cb?token={}&x=1", "https://h/x?user=a&password={}", "user=bob&password={}&go=1", "https://b.example.com/k?X-Amz-Signature={}&x=1", "jdbc:mysql://h/db?user=a&password={}"),
}  # fmt: skip
#: Prefix, alphabet and length of keys that are told by their looks alone.
KEYS: Final[tuple[tuple[str, str, int], ...]] = (
    ("AQ.", "url", 50), ("nvapi-", "url", 64), ("csk-", "lower", 48), ("fw_", "alnum", 24), ("ek_", "hex", 32), ("tgp_v1_", "url", 43), ("pa-", "url", 43),
    ("jina_", "alnum", 60), ("dckr_pat_", "url", 27), ("lin_api_", "alnum", 40), ("figd_", "url", 40), ("sk-proj-", "url", 48), ("sk-ant-api03-", "url", 80),
    ("gsk_", "alnum", 52), ("xai-", "alnum", 80), ("hf_", "alnum", 34), ("r8_", "alnum", 37), ("pplx-", "alnum", 48), ("tvly-", "alnum", 32), ("ghp_", "alnum", 36),
    ("glpat-", "url", 20), ("xoxb-", "digits-alnum", 40), ("npm_", "alnum", 36), ("pypi-", "url", 80), ("AKIA", "upper", 16), ("AIza", "url", 35), ("hvs.", "url", 28),
    ("dop_v1_", "hex", 64), ("rnd_", "alnum", 32), ("nfp_", "alnum", 36), ("re_", "alnum", 32), ("sk_", "hex", 48), ("fc-", "hex", 32), ("napi_", "alnum", 64),
)  # fmt: skip
#: Places of such a key: nothing names it.
BARE_PLACES: Final = (
    "called with {} and failed", '{{"args": ["{}"]}}', "Client('{}')", "https://h/v1/{}/x", "> {}", "({})", "key={};", "`{}`", "| {} |", "got {}, expected another", "x={}\ny=1", "-H {}",
)  # fmt: skip
PERSONAL: Final = (
    "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606", "NL91ABNA0417164300",
    "CH93 0076 2011 6238 5295 7", "ES9121000418450200051332", "4111.1111.1111.1111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "3782 822463 10005", "6011.1111.1111.1117",
    "+49 151 23456789", "415.555.0132", "415-555-0132", "(415) 555-0132", "+1 415 555 0132", "+33 6 12 34 56 78", "+44 20 7946 0958", "+4915123456789", "+1 (415) 555-0132", "+49 (0)30 1234567",
    "+1.415.555.0132", "1-415-555-0132", "alice.canary@corp.example.com", "123-45-6789",
)  # fmt: skip
PERSONAL_PLACES: Final = (
    "paid from {} today",
    '{{"note": "{}"}}',
    "contact: {}.",
    "({})",
    "user {} said no",
    "a={}, b=2",
    "<td>{}</td>",
    "'{}'",
)

_ALPHABETS: Final = {
    "url": string.ascii_letters + string.digits + "-_", "alnum": string.ascii_letters + string.digits, "lower": string.ascii_lowercase + string.digits,
    "hex": "0123456789abcdef", "upper": string.ascii_uppercase + string.digits, "digits-alnum": string.ascii_letters + string.digits,
}  # fmt: skip


def planted() -> Iterator[tuple[str, str, str]]:
    """Yield the place's kind, a secret and the text in which it stands."""
    chance = random.Random(7)
    for table, secrets in ((PASSWORD_PLACES, PASSWORDS), (PLAIN_PLACES, PLAIN)):
        for kind, places in table.items():
            for place in places:
                for secret in chance.sample(secrets, 8):
                    if kind == "xml" and "&" in secret:
                        continue
                    yield kind, secret, place.format(secret)
    for prefix, alphabet, length in KEYS:
        for place in chance.sample(BARE_PLACES, 4):
            letters = _ALPHABETS[alphabet]
            secret = "".join(chance.choice(letters) for _ in range(length - 2)) + "a7"
            yield "bare key", secret.strip("-_"), place.format(prefix + secret)
    for secret in PERSONAL:
        for place in PERSONAL_PLACES:
            yield "personal", secret, place.format(secret)


def structured() -> Iterator[tuple[str, str, str]]:
    """Yield the same of values rather than texts: kind, secret, tree as JSON."""
    for secret in PASSWORDS:
        for kind, tree in (
            ("list of arguments", ["mysql", "--password", secret, "db"]),
            ("list of arguments", ["curl", "-u", f"bob:{secret}", "https://h"]),
            ("list of arguments", ["sshpass", "-p", secret, "ssh", "h"]),
            ("name and value", [{"name": "OPENAI_API_KEY", "value": secret}]),
            ("name and value", {"key": "password", "value": secret, "type": "x"}),
            ("key", {"a": {"db_password": secret}}),
            ("pair", [["X-Api-Key", secret]]),
            ("rows", [["user", "password"], ["bob", secret], ["eve", secret]]),
            ("rows", {"columns": ["user", "password"], "rows": [["bob", secret]]}),
        ):
            yield kind, secret, json.dumps(tree)
