"""Messages of one failure, and of two: (category, messages alike); (category, type, message) twice.

Collected from tools, SDKs, databases and people's own code, in many scripts.
"""

from __future__ import annotations

from typing import Final

ALIKE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("unknown", ("expected 12 columns, got 9", "expected 4 columns, got 17")),
    ("unknown", ("balance -30 is below the floor of -20", "balance -5 is below the floor of 0")),
    (
        "unknown",
        (
            "Prompt has 4,150,908 characters; at most 1,000,000 are allowed",
            "Prompt has 12,345 characters; at most 500 are allowed",
        ),
    ),
    ("unknown", ("Prompt has 4.150.908 characters", "Prompt has 1.200.000 characters")),
    ("unknown", ("budget of 1_000_000 tokens spent", "budget of 20_000 tokens spent")),
    ("unknown", ("loss is 0.3312, limit 0.25", "loss is 12.5, limit 3.0")),
    ("unknown", ("gradient norm 1.25e+09 exploded", "gradient norm 3e12 exploded")),
    (
        "unknown",
        ("cost $1,234.56 exceeds the budget of $50", "cost $9.99 exceeds the budget of $5"),
    ),
    ("unknown", ("disk usage 97% above 90%", "disk usage 99.5% above 95%")),
    ("unknown", ("archive is 3.2 MiB, limit 2 MiB", "archive is 1.5 GiB, limit 500 MiB")),
    ("unknown", ("file too big: 12MB > 10MB", "file too big: 345KB > 100KB")),
    ("unknown", ("wrote 1024 bytes of 4096", "wrote 3 bytes of 77")),
    ("unknown", ("took 1m30s, allowed 45s", "took 2m5s, allowed 30s")),
    (
        "unknown",
        ("step code finished late after 1532.77 ms", "step code finished late after 20 ms"),
    ),
    ("unknown", ("idle for 2h15m", "idle for 11h3m")),
    ("unknown", ("no answer within 30 seconds", "no answer within 2.5 seconds")),
    ("unknown", ("lease of PT30S expired", "lease of PT1H15M expired")),
    ("unknown", ("deadline passed 0:00:31.204100 ago", "deadline passed 1 day, 2:03:04 ago")),
    ("unknown", ("bad opcode 0x1f at 0x00007ffd", "bad opcode 0xA0 at 0x0000c0de")),
    ("unknown", ("mode 0o644 not allowed", "mode 0o600 not allowed")),
    ("unknown", ("only 3/10 files passed", "only 17/122 files passed")),
    (
        "unknown",
        (
            "index 7 is out of bounds for axis 0 with size 5",
            "index 1200 is out of bounds for axis 1 with size 1000",
        ),
    ),
    ("unknown", ("lines 10-25 overlap lines 20-40", "lines 1-5 overlap lines 3-9")),
    ("unknown", ("revision #4312 not found", "revision #7 not found")),
    ("unknown", ("the 3rd attempt failed", "the 21st attempt failed")),
    (
        "unknown",
        (
            "shapes (3,4) and (5,6) not aligned: 4 (dim 1) != 5 (dim 0)",
            "shapes (128,64) and (32,9) not aligned: 64 (dim 1) != 32 (dim 0)",
        ),
    ),
    (
        "unknown",
        (
            "operands could not be broadcast together with shapes (3,) (4,)",
            "operands could not be broadcast together with shapes (2,3) (5,)",
        ),
    ),
    (
        "unknown",
        (
            "project 7c1811ed-e98f-4c9c-a9f9-58c757ff494f not found",
            "project bea691f2-2e25-4bec-9838-e0c44b03d60a not found",
        ),
    ),
    (
        "unknown",
        (
            "project 7C1811ED-E98F-4C9C-A9F9-58C757FF494F not found",
            "project BEA691F2-2E25-4BEC-9838-E0C44B03D60A not found",
            "project bea691f2-2e25-4bec-9838-e0c44b03d60a not found",
        ),
    ),
    (
        "unknown",
        (
            "job 7c1811ede98f4c9ca9f958c757ff494f vanished",
            "job bea691f22e254bec9838e0c44b03d60a vanished",
        ),
    ),
    (
        "unknown",
        (
            "no row for UUID('7c1811ed-e98f-4c9c-a9f9-58c757ff494f')",
            "no row for UUID('bea691f2-2e25-4bec-9838-e0c44b03d60a')",
        ),
    ),
    (
        "unknown",
        (
            "urn:uuid:7c1811ed-e98f-4c9c-a9f9-58c757ff494f is taken",
            "urn:uuid:bea691f2-2e25-4bec-9838-e0c44b03d60a is taken",
        ),
    ),
    (
        "unknown",
        ("run 01ARZ3NDEKTSV4RRFFQ69G5FAV is gone", "run 01HQ8X3K2M9N7P5R4T6V8W0Y1Z is gone"),
    ),
    (
        "unknown",
        (
            "session V1StGXR8_Z5jdHi6B-myT expired on server",
            "session k9Mtd2gDcgG-xP_4aQzYw expired on server",
        ),
    ),
    (
        "unknown",
        ("invoice k9Mtd2gDcgG could not be rendered", "invoice Zq41xPmv8Rt could not be rendered"),
    ),
    (
        "unknown",
        ("document cjld2cjxh0000qzrmn831i7rn locked", "document ckopqwooh000001la8mbi2im9 locked"),
    ),
    (
        "unknown",
        ("event 0ujtsYcgvSTl8PAuAdqWYSMnLOv dropped", "event 2Bz3kLq9RfT8PAuXdqWYSMnLOv1 dropped"),
    ),
    ("unknown", ("message 1186612345678901248 deleted", "message 981234567890123456 deleted")),
    ("unknown", ("no document 507f1f77bcf86cd799439011", "no document 65b2c3d4e5f60718293a4b5c")),
    (
        "unknown",
        (
            "no document ObjectId('507f1f77bcf86cd799439011')",
            "no document ObjectId('65b2c3d4e5f60718293a4b5c')",
        ),
    ),
    (
        "unknown",
        (
            "server had an error processing your request (request ID req_011CQx7Vk3b4)",
            "server had an error processing your request (request ID req_9fZpL2m8Qa1c)",
        ),
    ),
    (
        "unknown",
        (
            "chatcmpl-9sK3dHq2LmXy8ZtR: choices is empty",
            "chatcmpl-AbC123xyz456QrSt: choices is empty",
        ),
    ),
    (
        "unknown",
        (
            "message msg_01XFDUDYJgAACzvnptvVoYEL has no content",
            "message msg_013Zva2CMHLNnXjNJJKqJ2EF has no content",
        ),
    ),
    (
        "unknown",
        (
            "tool call call_abc123XYZ789defGHI456 was not answered",
            "tool call call_9QkLmN0pRsTuVwXyZ12345ab was not answered",
        ),
    ),
    (
        "unknown",
        (
            "tool_use toolu_01A09q90qw90lq917835lq9 without result",
            "tool_use toolu_01D7FLrfh4GYq7yT1ULFeyMV without result",
        ),
    ),
    (
        "unknown",
        (
            "thread_abc123DEF456ghi789 already has an active run run_XYZ987uvw654RST.",
            "thread_QWE098rty765POI already has an active run run_mnb432VCX109.",
        ),
    ),
    ("unknown", ("No such customer: cus_NffrFeUfNV2Hib", "No such customer: cus_9s6XKzkNRiz8i3")),
    (
        "unknown",
        ("channel C024BE91L archived by U2147483697", "channel C061EG9SL archived by U0G9QF9C6"),
    ),
    ("unknown", ("ticket GEN-1423 is closed", "ticket GEN-7 is closed")),
    ("unknown", ("order ord-2024-000123 already shipped", "order ord-2025-004711 already shipped")),
    ("unknown", ("user user_42 has no seats", "user user_1099 has no seats")),
    (
        "unknown",
        ("quota spent for user_id=42 project_id=7", "quota spent for user_id=1099 project_id=31"),
    ),
    (
        "unknown",
        (
            "object 5fc35719b9cf96ec602dbc748ff31c587a46961d missing",
            "object a93c7d2e0f5b6a7c8d9e0f1a2b3c4d5e6f708192 missing",
        ),
    ),
    ("unknown", ("commit a93c7d2 does not build", "commit 5fc3571 does not build")),
    ("unknown", ("commit a93c7d2 does not build", "commit 4150908 does not build")),
    (
        "unknown",
        (
            "digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 mismatch",
            "digest sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae mismatch",
        ),
    ),
    (
        "unknown",
        (
            "md5 0751007cd28df267e8e051b51f918c60 != d41d8cd98f00b204e9800998ecf8427e",
            "md5 098f6bcd4621d373cade4e832627b4f6 != 5d41402abc4b2a76b9719d911017c592",
        ),
    ),
    (
        "unknown",
        (
            "sha512-zUtdSuvFuzmDVk0QxCHFHRUL0NMEmHYRnzNBZMDWOKDTqJFVTw0hNpWBRNFQwOlqCkfxZ8cLCWCCdvQwYC+sBQ== integrity checksum failed when using sha512",
            "sha512-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdEfGh12== integrity checksum failed when using sha512",
        ),
    ),
    (
        "unknown",
        (
            'ETag "33a64df551425fcc55e4d42a148795d9f25f89d4" does not match',
            'ETag "686897696a7c876b7e0a3c5d2f1b4a8c9d0e1f23" does not match',
        ),
    ),
    ("unknown", ('If-Match W/"0815" failed', 'If-Match W/"67ab43" failed')),
    (
        "unknown",
        (
            "invalid context 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "invalid context 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        ),
    ),
    (
        "unknown",
        (
            "trace 1-67891233-abcdef012345678912345678 not sampled",
            "trace 1-5759e988-bd862e3fe1be46a994272793 not sampled",
        ),
    ),
    (
        "unknown",
        (
            "pod genmon-web-7d4b9c6f5d-x2x9z was evicted",
            "pod genmon-web-5f6d8b7c9c-q8lwp was evicted",
        ),
    ),
    ("unknown", ("pod postgres-0 is not ready", "pod postgres-12 is not ready")),
    (
        "unknown",
        (
            "container 4f5e6d7c8b9a exited with code 137",
            "container a1b2c3d4e5f6 exited with code 137",
        ),
    ),
    (
        "unknown",
        ("instance i-0abcd1234efgh5678 unreachable", "instance i-01234567890abcdef unreachable"),
    ),
    (
        "unknown",
        (
            "User: arn:aws:sts::123456789012:assumed-role/app/i-0a1b2c is not authorized to perform: bedrock:InvokeModel",
            "User: arn:aws:sts::210987654321:assumed-role/app/i-9f8e7d is not authorized to perform: bedrock:InvokeModel",
        ),
    ),
    (
        "unknown",
        (
            "Permission denied on resource projects/acme-prod-123/locations/us-central1/models/777",
            "Permission denied on resource projects/beta-test-9/locations/us-central1/models/31",
        ),
    ),
    (
        "unknown",
        (
            "task app.build[3b1e7f6a-4b0e-4f55-a3e0-6f6f0c2f8d11] lost",
            "task app.build[0c9d8e7f-1a2b-4c3d-8e9f-a0b1c2d3e4f5] lost",
        ),
    ),
    (
        "unknown",
        (
            "invalid token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            "invalid token eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiI0MiIsImV4cCI6MTd9.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
        ),
    ),
    (
        "unknown",
        (
            "cannot decode aGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IGRhdGE=",
            "cannot decode VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw==",
        ),
    ),
    (
        "unknown",
        (
            "cannot decode aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=",
            "cannot decode Zm9vYmFyYmF6cXV4Zm9vYmE5cXV4OQ==",
            "cannot decode VGhlIHF1aWNrIDE2Yg==",
        ),
    ),
    (
        "provider_error",
        (
            "no such completion: chatcmpl-AbC123",
            "no such completion: chatcmpl-zzz999aa",
        ),
    ),
    (
        "unknown",
        (
            "image data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ rejected",
            "image data:image/png;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIB rejected",
        ),
    ),
    (
        "unknown",
        (
            "<app.Builder object at 0x7f3c1a2b4d60> is not callable",
            "<app.Builder object at 0x7fa9bb00c1f0> is not callable",
        ),
    ),
    (
        "unknown",
        (
            "cannot pickle <function build.<locals>.inner at 0x7f3c1a2b4d60>",
            "cannot pickle <function build.<locals>.inner at 0x10e5aa040>",
        ),
    ),
    (
        "unknown",
        (
            "Task <Task pending name='Task-12' coro=<build() running at /srv/app/b.py:30>> got Future <Future pending> attached to a different loop",
            "Task <Task pending name='Task-9907' coro=<build() running at /srv/app/b.py:31>> got Future <Future pending> attached to a different loop",
        ),
    ),
    ("unknown", ("Thread-7 (worker) died", "Thread-132 (worker) died")),
    ("unknown", ("ThreadPoolExecutor-0_3 still busy", "ThreadPoolExecutor-12_0 still busy")),
    (
        "unknown",
        (
            "Worker (pid:4312) was sent SIGKILL! Perhaps out of memory?",
            "Worker (pid:77) was sent SIGKILL! Perhaps out of memory?",
        ),
    ),
    (
        "unknown",
        ("Process ForkPoolWorker-12 exited with -9", "Process ForkPoolWorker-3 exited with -9"),
    ),
    (
        "unknown",
        (
            "<_io.TextIOWrapper name='/tmp/a1.txt' mode='r' encoding='utf-8'> is closed",
            "<_io.TextIOWrapper name='/var/b/c2.txt' mode='r' encoding='utf-8'> is closed",
        ),
    ),
    (
        "unknown",
        (
            "[Errno 2] No such file or directory: '/srv/projects/p1/src/App.tsx'",
            "[Errno 2] No such file or directory: '/home/anna/work/x/Main.tsx'",
        ),
    ),
    (
        "unknown",
        (
            "cannot write /var/lib/genmon/p-12/out.html",
            "cannot write /var/lib/genmon/p-9931/out.html",
        ),
    ),
    (
        "unknown",
        ("file /tmp/tmpab12cd34/index.html vanished", "file /tmp/tmpzz_9xk1q/index.html vanished"),
    ),
    (
        "unknown",
        (
            "could not remove /var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/build_k3j2/out",
            "could not remove /var/folders/ab/cdefghij2klm0000gn/T/build_z9/out",
        ),
    ),
    (
        "unknown",
        (
            "Cannot open C:\\Users\\Anna\\AppData\\Local\\Temp\\gen-12\\app.js",
            "Cannot open D:\\build\\x\\app.js",
        ),
    ),
    (
        "unknown",
        (
            'Cannot open "C:\\Program Files\\Gen Mon\\app.js"',
            'Cannot open "E:\\My Projects\\client work\\app.js"',
        ),
    ),
    ("unknown", ("Cannot open C:/Users/anna/app.js", "Cannot open D:/ci/work/7/app.js")),
    (
        "unknown",
        (
            "share \\\\fs01\\gen\\p12\\out.zip unavailable",
            "share \\\\fs77\\gen\\team\\p9\\out.zip unavailable",
        ),
    ),
    (
        "unknown",
        (
            "Module build failed: ./src/components/Header.jsx",
            "Module build failed: ./src/pages/Home.jsx",
        ),
    ),
    ("unknown", ("src/app/page.tsx is not valid", "src/widgets/chart/index.tsx is not valid")),
    (
        "unknown",
        ("src/App.tsx:12:5: unexpected token", "src/pages/Home.tsx:140:22: unexpected token"),
    ),
    (
        "unknown",
        (
            "src/App.tsx(12,5): error TS2304: Cannot find name 'foo'.",
            "src/pages/Home.tsx(140,22): error TS2304: Cannot find name 'foo'.",
        ),
    ),
    (
        "unknown",
        (
            'File "/srv/app/main.py", line 12, in build',
            'File "/home/ci/w/main.py", line 903, in build',
        ),
    ),
    (
        "unknown",
        (
            "NoSuchKey: s3://gen-artifacts/users/42/p-77/app.zip",
            "NoSuchKey: s3://gen-artifacts/users/7/p-1/app.zip",
        ),
    ),
    (
        "unknown",
        (
            "key users/42/2024/05/01/app.zip does not exist",
            "key users/7/2025/11/30/app.zip does not exist",
        ),
    ),
    (
        "unknown",
        (
            "Cannot find file node_modules/react/index.js in /srv/p/1",
            "Cannot find file node_modules/lodash/fp.js in /srv/p/2",
        ),
    ),
    (
        "unknown",
        (
            "ENOENT: no such file or directory, open '/srv/p/1/package.json'",
            "ENOENT: no such file or directory, open '/srv/p/93/package.json'",
        ),
    ),
    (
        "unknown",
        (
            "ENOTEMPTY: directory not empty, rename '/app/node_modules/a' -> '/app/node_modules/.a-x1Y2z3'",
            "ENOTEMPTY: directory not empty, rename '/app/node_modules/bcd' -> '/app/node_modules/.bcd-Q9w8e7'",
        ),
    ),
    ("unknown", ("~/projects/p1 is not a git repository", "~/work/other is not a git repository")),
    (
        "unknown",
        (
            "cannot read /srv/projekte/Müller/seite.html",
            "cannot read /srv/projekte/Jürgen-Groß/seite.html",
        ),
    ),
    ("unknown", ("cannot read /data/项目/首页.html", "cannot read /data/プロジェクト/一覧.html")),
    ("unknown", ("no such file: '/srv/my project/a b.html'", "no such file: '/srv/other/c.html'")),
    (
        "unknown",
        (
            "GET https://api.example.com/v1/items/42?page=3 failed",
            "GET https://api.example.com/v1/items/977?page=12&limit=50 failed",
        ),
    ),
    (
        "unknown",
        (
            "cannot reach tcp://charlie:s3cret@db1.internal:10",
            "cannot reach tcp://anna:pw@db22.internal:6543",
        ),
    ),
    (
        "unknown",
        (
            "handshake with wss://live.example.com/s/abc123 refused",
            "handshake with wss://live2.example.org/s/zz9 refused",
        ),
    ),
    (
        "unknown",
        (
            "connect to http://127.0.0.1:43211/v1 refused by policy",
            "connect to http://127.0.0.1:38001/v1 refused by policy",
        ),
    ),
    (
        "unknown",
        (
            "bad DSN postgresql+psycopg://gen:***@10.0.0.5:5432/genmon",
            "bad DSN postgresql+psycopg://app:***@db.internal/genmon2",
        ),
    ),
    (
        "unknown",
        (
            "unsupported link (https://cdn.example.com/a.png) in page",
            "unsupported link (https://img.example.net/b/c.png?x=1) in page",
        ),
    ),
    (
        "unknown",
        (
            "could not clone git@github.com:acme/site-12.git",
            "could not clone git@github.com:beta/shop.git",
        ),
    ),
    ("unknown", ("peer 10.0.3.17:51522 reset", "peer 192.168.1.9:443 reset")),
    ("unknown", ("peer [2001:db8::1]:8080 reset", "peer [fe80::1ff:fe23:4567:890a]:9000 reset")),
    ("unknown", ("address 2012:d157::cbe:908:2013 not allowed", "address ::1 not allowed")),
    ("unknown", ("device 00:1A:2B:3C:4D:5E unknown", "device a4:83:e7:00:9f:01 unknown")),
    ("unknown", ("anna.b+x@example.com is not invited", "zoe@mail.example.org is not invited")),
    ("unknown", ("duplicate user <anna@example.com>", "duplicate user <bob@example.org>")),
    (
        "unknown",
        (
            "certificate is not valid for shop-12.example.com",
            "certificate is not valid for www.other.example.org",
        ),
    ),
    ("unknown", ("port 8080 is already in use", "port 39211 is already in use")),
    (
        "unknown",
        (
            "window closed at 2024-02-20T22:16:36Z",
            "window closed at 2026-11-01T00:00:00.123456+02:00",
        ),
    ),
    (
        "unknown",
        (
            "window closed at 2024-02-20 22:16:36",
            "window closed at 2026-11-01 00:00:00.123456+00:00",
        ),
    ),
    ("unknown", ("no report for 2024-02-20", "no report for 2026-11-01")),
    ("unknown", ("no report for Feb 20, 2024", "no report for November 1, 2026")),
    ("unknown", ("no report for 20 Feb 2024", "no report for 1 November 2026")),
    ("unknown", ("expired Mon, 02 Jan 2006 15:04:05 GMT", "expired Sun, 29 Nov 2026 07:00:00 GMT")),
    (
        "unknown",
        (
            "expired Mon Jan 02 2006 14:04:05 GMT-0800 (Pacific Standard Time)",
            "expired Sun Nov 29 2026 07:00:00 GMT+0100 (Central European Standard Time)",
        ),
    ),
    ("unknown", ("bad day 02/20/2024", "bad day 11/01/2026")),
    ("unknown", ("bad day 20.02.2024", "bad day 01.11.2026")),
    (
        "unknown",
        (
            "can't compare datetime.datetime(2025, 6, 24, 18, 33, 0, 447640)",
            "can't compare datetime.datetime(2026, 1, 2, 3, 4)",
        ),
    ),
    (
        "unknown",
        (
            "no overlap with datetime.datetime(2025, 6, 24, 18, 33, tzinfo=datetime.timezone.utc)",
            "no overlap with datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)",
        ),
    ),
    ("unknown", ("closed since 15:04", "closed since 07:30")),
    ("unknown", ("closed since 15:04:05", "closed since 07:30:59")),
    ("unknown", ("closed since 3:04 PM", "closed since 11:30 AM")),
    ("unknown", ("token issued at 1700000000 is stale", "token issued at 1764096000.123 is stale")),
    ("unknown", ("backup 20240220T221636Z missing", "backup 20261101T000000Z missing")),
    (
        "unknown",
        (
            "nothing planned on Tuesday, 20 February 2024",
            "nothing planned on Sunday, 1 November 2026",
        ),
    ),
    (
        "unknown",
        (
            "Project 'Bakery landing page' has no entry point",
            "Project 'Tic tac toe' has no entry point",
        ),
    ),
    ("unknown", ('unknown colour "ultraviolet green"', 'unknown colour "x"')),
    ("unknown", ("section “Über uns” is empty", "section “Kontakt” is empty")),
    ("unknown", ("la section « À propos » est vide", "la section « Mentions légales » est vide")),
    ("unknown", ("页面「关于我们」为空", "页面「联系」为空")),
    ("unknown", ("page 'Joe's Diner' is empty", "page 'Acme' is empty")),
    ("unknown", ("bad title 'Joe\\'s Diner'", "bad title 'Acme'")),
    ("unknown", ('bad title "Joe\'s Diner"', "bad title 'Acme'")),
    (
        "unknown",
        (
            "invalid literal for int() with base 10: 'abc'",
            "invalid literal for int() with base 10: '12.5'",
        ),
    ),
    (
        "unknown",
        ("could not convert string to float: 'n/a'", "could not convert string to float: '1,5'"),
    ),
    ("unknown", ("'pinkish' is not a valid Colour", "'x-red' is not a valid Colour")),
    ("unknown", ("99 is not a valid Size", "7 is not a valid Size")),
    ("unknown", ("unexpected keys {'b', 'a', 'zeta'}", "unexpected keys {'a', 'zeta', 'b'}")),
    ("unknown", ("unexpected files {'a.html'}", "unexpected files {'b.html', 'c.html', 'd.html'}")),
    (
        "unknown",
        (
            "unresolved blocks ['hero', 'faq']",
            "unresolved blocks ['pricing', 'team', 'contact', 'footer']",
        ),
    ),
    ("unknown", ("missing chunks [1, 2, 3]", "missing chunks [7]")),
    ("unknown", ("('user-12', 3)", "('user-9', 44)")),
    (
        "unknown",
        (
            "bad payload {'title': 'Bakery', 'pages': 3, 'dark': True}",
            "bad payload {'title': 'Gym', 'pages': 11, 'dark': False}",
        ),
    ),
    (
        "unknown",
        (
            "bad payload {'user': {'id': 5, 'name': 'Anna'}, 'tags': ['a']}",
            "bad payload {'user': {'id': 71, 'name': 'Bo'}, 'tags': ['x', 'y']}",
        ),
    ),
    (
        "unknown",
        (
            'unexpected answer {"dogs are great": true, "dog_id": "greatdog1231"}',
            'unexpected answer {"dogs are great": false, "dog_id": "otherdog7"}',
        ),
    ),
    (
        "unknown",
        (
            'unexpected answer [{"id": 1, "ok": true}]',
            'unexpected answer [{"id": 22, "ok": true}, {"id": 23, "ok": false}]',
        ),
    ),
    ("unknown", ("cannot parse b'\\x00\\x01abc'", "cannot parse b'hello world'")),
    (
        "unknown",
        ("conflict: Page(title='Home', order=1)", "conflict: Page(title='Team', order=12)"),
    ),
    ("unknown", ("bad price Decimal('12.50')", "bad price Decimal('0.99')")),
    ("unknown", ("not a folder: PosixPath('/srv/p/1')", "not a folder: PosixPath('/srv/q/22')")),
    ("unknown", ("odd share Fraction(1, 3)", "odd share Fraction(22, 7)")),
    (
        "unknown",
        (
            "build failed project=bakery user=anna attempt=3",
            "build failed project=gym user=bob attempt=1",
        ),
    ),
    (
        "unknown",
        (
            'build failed: project="Joe\'s bakery" attempt=3',
            'build failed: project="gym" attempt=12',
        ),
    ),
    (
        "unknown",
        (
            "Expecting value: line 1 column 1 (char 0)",
            "Expecting value: line 17 column 5 (char 833)",
        ),
    ),
    (
        "unknown",
        (
            "Expecting ',' delimiter: line 3 column 12 (char 88)",
            "Expecting ',' delimiter: line 44 column 1 (char 1203)",
        ),
    ),
    (
        "unknown",
        (
            "Unterminated string starting at: line 1 column 20 (char 19)",
            "Unterminated string starting at: line 9 column 5 (char 812)",
        ),
    ),
    (
        "unknown",
        (
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            "'utf-8' codec can't decode byte 0x92 in position 1871: invalid start byte",
        ),
    ),
    (
        "unknown",
        (
            "'ascii' codec can't encode character '\\xe9' in position 3: ordinal not in range(128)",
            "'ascii' codec can't encode character '\\u4e2d' in position 177: ordinal not in range(128)",
        ),
    ),
    (
        "unknown",
        (
            "not enough values to unpack (expected 3, got 1)",
            "not enough values to unpack (expected 3, got 2)",
        ),
    ),
    (
        "unknown",
        (
            "build() takes 2 positional arguments but 3 were given",
            "build() takes 2 positional arguments but 5 were given",
        ),
    ),
    (
        "unknown",
        (
            'while scanning a simple key\n  in "<unicode string>", line 3, column 1:\n    titel\n    ^\ncould not find expected \':\'\n  in "<unicode string>", line 4, column 1:\n    x: 1\n    ^',
            'while scanning a simple key\n  in "<unicode string>", line 12, column 3:\n      foo bar\n      ^\ncould not find expected \':\'\n  in "<unicode string>", line 13, column 1:\n    y: [2]\n    ^',
        ),
    ),
    (
        "unknown",
        (
            "unterminated string literal (detected at line 12) (app.py, line 12)",
            "unterminated string literal (detected at line 201) (views.py, line 201)",
        ),
    ),
    (
        "unknown",
        ("'(' was never closed (<unknown>, line 3)", "'(' was never closed (<unknown>, line 77)"),
    ),
    ("unknown", ("unexpected indent (<string>, line 4)", "unexpected indent (<string>, line 19)")),
    (
        "unknown",
        (
            "expected an indented block after 'if' statement on line 3 (main.py, line 4)",
            "expected an indented block after 'if' statement on line 20 (app.py, line 21)",
        ),
    ),
    ("unknown", ("mismatched tag: line 12, column 4", "mismatched tag: line 1, column 204")),
    (
        "unknown",
        (
            "1 validation error for App\npages.0.title\n  Input should be a valid string [type=string_type, input_value=12, input_type=int]\n    For further information visit https://errors.pydantic.dev/2.9/v/string_type",
            "1 validation error for App\npages.3.title\n  Input should be a valid string [type=string_type, input_value=7, input_type=int]\n    For further information visit https://errors.pydantic.dev/2.14/v/string_type",
        ),
    ),
    (
        "unknown",
        (
            "1 validation error for App\ntitle\n  Field required [type=missing, input_value={'name': 'Bakery', 'pages': []}, input_type=dict]",
            "1 validation error for App\ntitle\n  Field required [type=missing, input_value={'nam': 'Gym', 'pgs': [1, 2]}, input_type=dict]",
        ),
    ),
    (
        "unknown",
        (
            "1 validation error for App\nlogo\n  Input should be a valid URL, relative URL without a base [type=url_parsing, input_value='logo.png', input_type=str]",
            "1 validation error for App\nlogo\n  Input should be a valid URL, relative URL without a base [type=url_parsing, input_value='img/x.svg', input_type=str]",
        ),
    ),
    (
        "unknown",
        (
            '1 validation error for App\n  Invalid JSON: EOF while parsing a string at line 1 column 120 [type=json_invalid, input_value=\'{"title": "Bak\', input_type=str]',
            '1 validation error for App\n  Invalid JSON: EOF while parsing a string at line 40 column 7 [type=json_invalid, input_value=\'{"title": "Gym and more\', input_type=str]',
        ),
    ),
    (
        "unknown",
        (
            "1 validation error for App\ntitle\n  String should have at most 40 characters [type=string_too_long, input_value='A very long title indeed...that never really ends', input_type=str]",
            "1 validation error for App\ntitle\n  String should have at most 40 characters [type=string_too_long, input_value='Another long one goes on...until the page is full', input_type=str]",
        ),
    ),
    (
        "unknown",
        (
            "'abc' is not of type 'integer'\n\nFailed validating 'type' in schema['properties']['pages']:\n    {'type': 'integer'}\n\nOn instance['pages']:\n    'abc'",
            "'twelve' is not of type 'integer'\n\nFailed validating 'type' in schema['properties']['pages']:\n    {'type': 'integer'}\n\nOn instance['pages']:\n    'twelve'",
        ),
    ),
    (
        "unknown",
        (
            "model answer lacks key 'title' (has: 'name', 'pages')",
            "model answer lacks key 'title' (has: 'x')",
        ),
    ),
    (
        "unknown",
        (
            'duplicate key value violates unique constraint "users_email_key"\nDETAIL:  Key (email)=(anna@example.com) already exists.',
            'duplicate key value violates unique constraint "users_email_key"\nDETAIL:  Key (email)=(bob@example.org) already exists.',
        ),
    ),
    (
        "unknown",
        (
            'insert or update on table "page" violates foreign key constraint "page_site_fk"\nDETAIL:  Key (site_id)=(42) is not present in table "site".',
            'insert or update on table "page" violates foreign key constraint "page_site_fk"\nDETAIL:  Key (site_id)=(977) is not present in table "site".',
        ),
    ),
    (
        "unknown",
        (
            "deadlock detected\nDETAIL:  Process 4312 waits for ShareLock on transaction 991; blocked by process 4313.\nProcess 4313 waits for ShareLock on transaction 990; blocked by process 4312.\nHINT:  See server log for query details.",
            "deadlock detected\nDETAIL:  Process 12 waits for ShareLock on transaction 7; blocked by process 13.\nProcess 13 waits for ShareLock on transaction 6; blocked by process 12.\nHINT:  See server log for query details.",
        ),
    ),
    (
        "unknown",
        (
            "(sqlite3.IntegrityError) UNIQUE constraint failed: page.slug\n[SQL: INSERT INTO page (slug, title) VALUES (?, ?)]\n[parameters: ('home', 'Bakery')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
            "(sqlite3.IntegrityError) UNIQUE constraint failed: page.slug\n[SQL: INSERT INTO page (slug, title) VALUES (?, ?)]\n[parameters: ('kontakt', 'Über uns')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
        ),
    ),
    (
        "unknown",
        (
            "(psycopg.errors.StringDataRightTruncation) value too long for type character varying(40)\n[SQL: UPDATE page SET title=%(title)s WHERE id = %(id)s]\n[parameters: {'title': 'A long title', 'id': 7}]",
            "(psycopg.errors.StringDataRightTruncation) value too long for type character varying(40)\n[SQL: UPDATE page SET title=%(title)s WHERE id = %(id)s]\n[parameters: {'title': 'Another', 'id': 1234}]",
        ),
    ),
    ("unknown", ("MOVED 3999 127.0.0.1:6381", "MOVED 12539 10.0.0.4:6379")),
    (
        "unknown",
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value: gen:42:state",
            "WRONGTYPE Operation against a key holding the wrong kind of value: gen:977:state",
        ),
    ),
    (
        "unknown",
        (
            'E11000 duplicate key error collection: gen.pages index: slug_1 dup key: { slug: "home" }',
            'E11000 duplicate key error collection: gen.pages index: slug_1 dup key: { slug: "about us" }',
        ),
    ),
    (
        "unknown",
        (
            "(1062, \"Duplicate entry 'home-42' for key 'page.slug'\")",
            "(1062, \"Duplicate entry 'kontakt-7' for key 'page.slug'\")",
        ),
    ),
    (
        "unknown",
        (
            'no partition of relation "events" found for row\nDETAIL:  Partition key of the failing row contains (day) = (2024-02-20).',
            'no partition of relation "events" found for row\nDETAIL:  Partition key of the failing row contains (day) = (2026-11-01).',
        ),
    ),
    (
        "unknown",
        (
            "src/App.tsx(12,5): error TS2322: Type 'string' is not assignable to type 'number'.\nsrc/App.tsx(19,5): error TS2322: Type 'string' is not assignable to type 'number'.",
            "src/pages/Home.tsx(1,15): error TS2322: Type 'string' is not assignable to type 'number'.\nsrc/pages/Team.tsx(190,7): error TS2322: Type 'string' is not assignable to type 'number'.",
        ),
    ),
    ("unknown", ("Found 3 errors in 2 files.", "Found 12 errors in 5 files.")),
    (
        "unknown",
        (
            "npm error code E404\nnpm error 404 Not Found - GET https://registry.example.com/left-padx - Not found\nnpm error 404\nnpm error 404  'left-padx@^1.0.0' is not in this registry.\nnpm error A complete log of this run can be found in: /root/.npm/_logs/2024-05-01T10_11_12_345Z-debug-0.log",
            "npm error code E404\nnpm error 404 Not Found - GET https://registry.example.com/left-padx - Not found\nnpm error 404\nnpm error 404  'left-padx@^1.0.0' is not in this registry.\nnpm error A complete log of this run can be found in: /home/ci/.npm/_logs/2026-11-30T01_02_03_004Z-debug-0.log",
        ),
    ),
    (
        "unknown",
        (
            "npm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! site@1.0.0 build: `vite build`\nnpm ERR! Exit status 1\nnpm ERR! Failed at the site@1.0.0 build script in /srv/p/1.",
            "npm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! site@1.0.0 build: `vite build`\nnpm ERR! Exit status 1\nnpm ERR! Failed at the site@1.0.0 build script in /srv/p/977.",
        ),
    ),
    (
        "unknown",
        (
            "✓ 34 modules transformed.\nx Build failed in 1.32s\nerror during build:\nsrc/App.jsx (12:7): Expected '}', got 'EOF' in /srv/p/1/src/App.jsx",
            "✓ 1203 modules transformed.\nx Build failed in 523ms\nerror during build:\nsrc/main.jsx (1:99): Expected '}', got 'EOF' in /home/x/src/main.jsx",
        ),
    ),
    (
        "unknown",
        (
            '✘ [ERROR] Expected ">" but found "class"\n\n    src/App.jsx:3:15:\n      3 │   return <div class="a"\n        ╵                ^\n\n1 error',
            '✘ [ERROR] Expected ">" but found "class"\n\n    src/Nav.jsx:40:2:\n      40 │   <nav class="b c"\n         ╵        ^\n\n1 error',
        ),
    ),
    (
        "unknown",
        (
            "\x1b[31m✘ \x1b[41;31m[\x1b[41;97mERROR\x1b[41;31m]\x1b[0m \x1b[1mUnexpected end of file\x1b[0m\n\n    src/App.jsx:3:15:",
            "✘ [ERROR] Unexpected end of file\n\n    src/App.jsx:90:1:",
        ),
    ),
    (
        "unknown",
        (
            "ERROR in ./src/App.js 12:5\nModule parse failed: Unexpected token (12:5)\nYou may need an appropriate loader to handle this file type.",
            "ERROR in ./src/pages/Home.js 140:22\nModule parse failed: Unexpected token (140:22)\nYou may need an appropriate loader to handle this file type.",
        ),
    ),
    (
        "unknown",
        (
            "main.4f2d9c1a.js exceeds the recommended size limit (244 KiB)",
            "main.0a1b2c3d.js exceeds the recommended size limit (244 KiB)",
        ),
    ),
    (
        "unknown",
        (
            "SyntaxError: /srv/p/1/src/App.jsx: Unexpected token (12:5)\n\n  10 |   const x = 1\n  11 |\n> 12 |   <div\n     |     ^",
            "SyntaxError: /home/x/src/Nav.jsx: Unexpected token (3:9)\n\n  1 | import a\n  2 |\n> 3 |   <nav>>\n    |         ^",
        ),
    ),
    (
        "unknown",
        (
            "/srv/p/1/index.js:3\nconst a = ;\n          ^\n\nSyntaxError: Unexpected token ';'\n    at wrapSafe (node:internal/modules/cjs/loader:1281:20)\n    at Module._compile (node:internal/modules/cjs/loader:1321:27)\n\nNode.js v20.11.1",
            "/srv/p/22/server.js:77\nlet bb = ;\n         ^\n\nSyntaxError: Unexpected token ';'\n    at wrapSafe (node:internal/modules/cjs/loader:1378:20)\n    at Module._compile (node:internal/modules/cjs/loader:1428:27)\n\nNode.js v22.4.0",
        ),
    ),
    (
        "unknown",
        (
            "Command '['npm', 'run', 'build', '--prefix', '/srv/p/1']' returned non-zero exit status 1.",
            "Command '['npm', 'run', 'build', '--prefix', '/srv/p/977']' returned non-zero exit status 1.",
        ),
    ),
    (
        "unknown",
        (
            "Command '['npm', 'ci']' timed out after 120 seconds",
            "Command '['npm', 'ci']' timed out after 59.99998 seconds",
        ),
    ),
    ("unknown", ("2 failed, 14 passed in 3.21s", "1 failed, 9 passed in 0.45s")),
    (
        "unknown",
        (
            'failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
            'failed to solve: process "/bin/sh -c npm ci --omit=dev" did not complete successfully: exit code: 1',
        ),
    ),
    ("unknown", ("com.acme.Gen@1b6d3586 has no renderer", "com.acme.Gen@4554617c has no renderer")),
    (
        "unknown",
        (
            "goroutine 17 [running]: runtime error: index out of range [5] with length 3",
            "goroutine 1 [running]: runtime error: index out of range [12] with length 12",
        ),
    ),
    (
        "unknown",
        (
            "thread 'main' panicked at src/main.rs:12:5: called `Option::unwrap()` on a `None` value",
            "thread 'main' panicked at src/gen.rs:204:19: called `Option::unwrap()` on a `None` value",
        ),
    ),
    (
        "unknown",
        (
            "Datei 12 von 40 konnte nach 3,5 Sekunden nicht geladen werden",
            "Datei 7 von 9 konnte nach 12,25 Sekunden nicht geladen werden",
        ),
    ),
    ("unknown", ("第12页生成失败，共40页", "第7页生成失败，共9页")),
    (
        "unknown",
        ("ファイル 3 個中 1 個の生成に失敗しました", "ファイル 12 個中 5 個の生成に失敗しました"),
    ),
    (
        "unknown",
        (
            "Не удалось создать страницу 12 для пользователя 'Анна'",
            "Не удалось создать страницу 7 для пользователя 'Борис'",
        ),
    ),
    ("unknown", ("فشل إنشاء الصفحة ١٢", "فشل إنشاء الصفحة ٧")),
    ("unknown", ("ページ１２が見つかりません", "ページ７が見つかりません")),
    ("unknown", ("🚀 build 12 failed 💥 after 3s", "🚀 build 977 failed 💥 after 45s")),
    ("unknown", ("could not render\n   page", "could not  render page")),
    ("unknown", ("\x1b[1;31mError:\x1b[0m build failed", "Error: build failed")),
    ("unknown", ("taille 1\xa0234 trop grande", "taille 12 trop grande")),
    ("unknown", ("line one\r\nline two", "line one\nline two")),
    ("unknown", ("размер 1\u202f234\u202f567 слишком велик", "размер 12 слишком велик")),
    (
        "rate_limit",
        (
            "Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4o in organization org-abc123 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s. Visit https://platform.openai.com/account/rate-limits to learn more.', 'type': 'tokens', 'param': None, 'code': 'rate_limit_exceeded'}}",
            "Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4o-mini in organization org-zzz987 on tokens per min (TPM): Limit 200000, Used 199950, Requested 1234. Please try again in 340ms. Visit https://platform.openai.com/account/rate-limits to learn more.', 'type': 'tokens', 'param': None, 'code': 'rate_limit_exceeded'}}",
        ),
    ),
    (
        "provider_error",
        (
            "Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}, 'request_id': 'req_011CQx7V'}",
            "Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}",
        ),
    ),
    (
        "provider_error",
        (
            "Error code: 500 - {'error': {'message': 'The server had an error while processing your request. Sorry about that! (request req_abc123)', 'type': 'server_error'}}",
            "Error code: 500 - {'error': {'message': 'The server had an error while processing your request. Sorry about that! (request req_zzz9)', 'type': 'server_error'}}",
        ),
    ),
    (
        "provider_error",
        (
            "HTTPSConnectionPool(host='api.openai.com', port=443): Max retries exceeded with url: /v1/chat/completions (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f1>: Failed to establish a new connection: [Errno 111] Connection refused'))",
            "HTTPSConnectionPool(host='api.openai.com', port=443): Max retries exceeded with url: /v1/responses?x=1 (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x8e2>: Failed to establish a new connection: [Errno 111] Connection refused'))",
        ),
    ),
    (
        "ai_timeout",
        (
            "HTTPSConnectionPool(host='api.openai.com', port=443): Read timed out. (read timeout=30)",
            "HTTPSConnectionPool(host='api.openai.com', port=443): Read timed out. (read timeout=59.5)",
        ),
    ),
    (
        "ai_timeout",
        (
            "cancelled after 30.2 s while call_model was pending",
            "cancelled after 119.0 s while call_model was pending",
        ),
    ),
    (
        "rate_limit",
        (
            "An error occurred (ThrottlingException) when calling the InvokeModel operation (reached max retries: 4): Too many requests, please wait before trying again.",
            "An error occurred (ThrottlingException) when calling the InvokeModel operation (reached max retries: 0): Too many requests, please wait before trying again.",
        ),
    ),
    (
        "rate_limit",
        (
            "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': 'You exceeded your current quota. Please retry in 12.5s.', 'status': 'RESOURCE_EXHAUSTED', 'details': [{'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': '12s'}]}}",
            "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': 'You exceeded your current quota. Please retry in 51.0s.', 'status': 'RESOURCE_EXHAUSTED', 'details': [{'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': '51s'}]}}",
        ),
    ),
    (
        "provider_error",
        (
            "Error code: 400 - {'error': {'message': \"This model's maximum context length is 128000 tokens. However, your messages resulted in 130211 tokens. Please reduce the length of the messages.\", 'type': 'invalid_request_error', 'param': 'messages', 'code': 'context_length_exceeded'}}",
            "Error code: 400 - {'error': {'message': \"This model's maximum context length is 8192 tokens. However, your messages resulted in 9911 tokens. Please reduce the length of the messages.\", 'type': 'invalid_request_error', 'param': 'messages', 'code': 'context_length_exceeded'}}",
        ),
    ),
    (
        "provider_error",
        (
            "Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-proj-********abcd. You can find your API key at https://platform.openai.com/account/api-keys.', 'type': 'invalid_request_error', 'param': None, 'code': 'invalid_api_key'}}",
            "Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-********************wxyz. You can find your API key at https://platform.openai.com/account/api-keys.', 'type': 'invalid_request_error', 'param': None, 'code': 'invalid_api_key'}}",
        ),
    ),
    (
        "provider_error",
        (
            "Error code: 502 - <html>\n<head><title>502 Bad Gateway</title></head>\n<body>cloudflare Ray ID: 8a1b2c3d4e5f6789</body></html>",
            "Error code: 502 - <html>\n<head><title>502 Bad Gateway</title></head>\n<body>cloudflare Ray ID: 9f8e7d6c5b4a3210</body></html>",
        ),
    ),
    (
        "provider_error",
        (
            "Server error '503 Service Unavailable' for url 'https://llm.internal/v1/gen/12'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/503",
            "Server error '503 Service Unavailable' for url 'https://llm2.internal/v1/gen/977'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/503",
        ),
    ),
    (
        "dependency_error",
        (
            "npm error code E404\nnpm error 404 Not Found - GET https://npm.example/react-foo",
            "npm error code E404\nnpm error 404 Not Found - GET https://npm2.example/react-foo",
        ),
    ),
    (
        "unknown",
        ("worker w-7f3a9 lost the lock after 12 s", "worker w-09bcd lost the lock after 3 s"),
    ),
    (
        "unknown",
        ("could not obtain lock 'project:8812:write'", "could not obtain lock 'project:17:write'"),
    ),
    ("unknown", ("stage 3 of 5 failed: no files", "stage 1 of 12 failed: no files")),
    ("unknown", ("only 42.5 % of tokens left", "only 7 % of tokens left")),
    ("unknown", ("GPU temperature 83°C above 80°C", "GPU temperature 91°C above 80°C")),
    ("unknown", ("image is 1920x1080, at most 800x600", "image is 64x64, at most 32x32")),
    ("unknown", ("image is 1920 × 1080 px", "image is 800 × 600 px")),
    ("unknown", ("aspect ratio 16:9 not allowed", "aspect ratio 4:3 not allowed")),
    ("unknown", ("Budget von 1.234,56 € überschritten", "Budget von 20,00 € überschritten")),
    ("unknown", ("spent $0.0123 of $0.01", "spent $12 of $10.50")),
    ("unknown", ("value 6.02E23 out of range", "value -1.6e-19 out of range")),
    ("unknown", ("prompt has 128k tokens", "prompt has 32k tokens")),
    ("unknown", ("page -1 does not exist", "page 40 does not exist")),
    ("unknown", ("offset +02:00 is ambiguous", "offset -07:30 is ambiguous")),
    (
        "unknown",
        (
            "no local time 2024-03-31 02:30:00 in Europe/Berlin",
            "no local time 2025-03-30 02:15:00 in Europe/Berlin",
        ),
    ),
    ("unknown", ("no plan for 2024-W05", "no plan for 2026-W48")),
    ("unknown", ("no invoice for 2024-05", "no invoice for 2026-11")),
    ("unknown", ("2024年5月1日的页面不存在", "2026年11月30日的页面不存在")),
    (
        "unknown",
        (
            "Termin am 1. Mai 2024 liegt in der Vergangenheit",
            "Termin am 30. Mai 2026 liegt in der Vergangenheit",
        ),
    ),
    ("unknown", ("event at 1714557600000 arrived late", "event at 1764096000123 arrived late")),
    (
        "unknown",
        (
            "2024-05-01 10:11:12,345 ERROR [worker-3] builder: template missing",
            "2026-11-30 01:02:03,004 ERROR [worker-12] builder: template missing",
        ),
    ),
    ("unknown", ("[10:11:12.345] build failed", "[23:59:59.001] build failed")),
    ("unknown", ("[4312] builder crashed", "[77] builder crashed")),
    ("unknown", ("lease expired 3 days 4 hours ago", "lease expired 1 day 2 hours ago")),
    ("unknown", ("render took 00:01:30", "render took 00:00:07")),
    ("unknown", ("step took 153µs", "step took 2.5ms")),
    ("unknown", ("gave up after 3 retries in 12.5s", "gave up after 1 retry in 800ms")),
    ("unknown", ("attempt 3/5 failed: no body", "attempt 1/3 failed: no body")),
    (
        "unknown",
        (
            "object {7c1811ed-e98f-4c9c-a9f9-58c757ff494f} is locked",
            "object {bea691f2-2e25-4bec-9838-e0c44b03d60a} is locked",
        ),
    ),
    (
        "unknown",
        (
            "cannot read project/7c1811ed-e98f-4c9c-a9f9-58c757ff494f/plan.json",
            "cannot read project/bea691f2-2e25-4bec-9838-e0c44b03d60a/plan.json",
        ),
    ),
    (
        "unknown",
        (
            "generation 018f3a5e-7b1c-7d2a-9c3b-1a2b3c4d5e6f vanished",
            "generation 019a0b1c-0d2e-7f3a-8b4c-5d6e7f8091a2 vanished",
        ),
    ),
    ("unknown", ("deployment d-4K7X2 failed to start", "deployment d-9ZQ01 failed to start")),
    ("unknown", ("machine 3d8d9014b32d89 did not start", "machine e784079b449483 did not start")),
    (
        "unknown",
        (
            "deployment dpl_5WJWYSyB7BpgTj3EuwF37WMRBXBtPQ2iTMJHJBJyRfd errored",
            "deployment dpl_89qyp1cskzkLrVicDaZoDbjyHuDJ errored",
        ),
    ),
    (
        "unknown",
        (
            "row 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d violates policy",
            "row 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed violates policy",
        ),
    ),
    (
        "unknown",
        (
            "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b has no output",
            "resp_0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071 has no output",
        ),
    ),
    ("unknown", ("assistant asst_abc123XYZ was deleted", "assistant asst_Qw3rTy987 was deleted")),
    (
        "unknown",
        (
            "file-BK7bzQj3FfZFXr7DbL6xJwfo is not ready",
            "file-abc123DEF456ghi789JKL012 is not ready",
        ),
    ),
    ("unknown", ("batch_6712a3b4c5d6 expired", "batch_0f1e2d3c4b5a expired")),
    (
        "unknown",
        (
            "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 dropped",
            "trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 dropped",
        ),
    ),
    (
        "unknown",
        (
            "image gen/web:2024.05.01-a1b2c3d not found",
            "image gen/web:2026.11.30-0f9e8d7 not found",
        ),
    ),
    (
        "unknown",
        (
            "image gen/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 not found",
            "image gen/web@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae not found",
        ),
    ),
    (
        "unknown",
        ("chunk index-BxY2k9aQ.js failed to load", "chunk index-D0f_93Lm.js failed to load"),
    ),
    (
        "unknown",
        (
            "Loading chunk 42 failed. (error: https://x.example/static/js/42.8f3a1b2c.chunk.js)",
            "Loading chunk 7 failed. (error: https://y.example/static/js/7.0a9b8c7d.chunk.js)",
        ),
    ),
    ("unknown", ("colour #ff00aa is not in the palette", "colour #0b1 is not in the palette")),
    ("unknown", ("bad magic 89 50 4e 47", "bad magic ff d8 ff e0")),
    (
        "unknown",
        ("cursor eyJpZCI6NDIsIm4iOiJhIn0 is stale", "cursor eyJpZCI6OTc3LCJuIjoiYmIifQ is stale"),
    ),
    (
        "unknown",
        (
            "session cookie s%3Aj2k3l4m5n6.abcDEF123ghiJKL456 rejected",
            "session cookie s%3A9z8y7x6w5v.QRStuv789WXYz012 rejected",
        ),
    ),
    (
        "unknown",
        (
            "403 for https://b.s3.amazonaws.com/k/a.png?X-Amz-Signature=aa11&X-Amz-Date=20240501T101112Z",
            "403 for https://b.s3.amazonaws.com/k/b.png?X-Amz-Signature=bb22cc&X-Amz-Date=20261130T010203Z",
        ),
    ),
    (
        "unknown",
        (
            "broken link https://a.example/docs#intro-2 in page 3",
            "broken link https://b.example/x/y?z=1#top in page 12",
        ),
    ),
    (
        "unknown",
        ("broken link https://müller.example/über-uns", "broken link https://bücher.example/a"),
    ),
    (
        "unknown",
        (
            "no answer from http://localhost:3000/api/health",
            "no answer from http://localhost:5173/",
        ),
    ),
    ("unknown", ("no answer from http://[::1]:3000/", "no answer from http://[2001:db8::7]:80/x")),
    (
        "unknown",
        (
            "dial tcp: lookup db-7.internal:5432 failed",
            "dial tcp: lookup db-12.internal:6432 failed",
        ),
    ),
    ("unknown", ("cannot fetch cdn.example.com/a/b.js", "cannot fetch static.example.org/x.js")),
    (
        "unknown",
        (
            "cannot connect to unix:///var/run/gen-12.sock",
            "cannot connect to unix:///var/run/gen-7.sock",
        ),
    ),
    (
        "unknown",
        (
            "cannot connect to redis://:pw@cache-1:6379/0",
            "cannot connect to redis://:x@cache-2:6380/1",
        ),
    ),
    ("unknown", ("address 10.1.2.3 not in 10.0.0.0/8", "address 192.168.7.9 not in 172.16.0.0/12")),
    (
        "unknown",
        (
            "cannot read C:\\Program Files (x86)\\Gen\\a.dll",
            "cannot read C:\\Program Files (x86)\\Other\\b.dll",
        ),
    ),
    ("unknown", ("Error in app/(shop)/[slug]/page.tsx", "Error in app/(blog)/[id]/edit/page.tsx")),
    (
        "unknown",
        (
            "Can't resolve '../../lib/a.ts' in '/srv/p/1/src/x'",
            "Can't resolve '../../lib/a.ts' in '/home/q/2/src/y/z'",
        ),
    ),
    (
        "unknown",
        ("folder /srv/projects/12/ is not empty", "folder /srv/projects/977/out/ is not empty"),
    ),
    (
        "unknown",
        ("/srv/p/1/main.py:12: DeprecationWarning", "/home/x/y/z.py:140: DeprecationWarning"),
    ),
    (
        "unknown",
        ("cannot parse /srv/p/1/.env.local line 3", "cannot parse /home/x/.env.local line 17"),
    ),
    (
        "unknown",
        (
            "cannot read node_modules/@scope/pkg/dist/index.mjs",
            "cannot read node_modules/@other/lib/esm/main.mjs",
        ),
    ),
    (
        "unknown",
        (
            'open "/srv/p/1/plan.json": no such file or directory',
            'open "/home/x/other.json": no such file or directory',
        ),
    ),
    ("unknown", ("cannot load file:///srv/p/1/index.mjs", "cannot load file:///home/x/b.mjs")),
    ("unknown", ("cannot load file:///C:/Users/a/index.mjs", "cannot load file:///D:/x/b.mjs")),
    ("unknown", ("bad CRC-32 for file 'src/App.tsx'", "bad CRC-32 for file 'src/pages/Home.tsx'")),
    (
        "unknown",
        (
            "page generated_20240501_101112.html is empty",
            "page generated_20261130_010203.html is empty",
        ),
    ),
    (
        "unknown",
        (
            'pods "gen-worker-6b7f9d8c5-abcde" not found',
            'pods "gen-worker-7c8d5f6b4-zzxq2" not found',
        ),
    ),
    ("unknown", ("expected '12' pages, found '9'", "expected '3' pages, found '44'")),
    ("unknown", ("title '' is too short", "title 'A' is too short")),
    ("unknown", ("title '🚀 Rocket' is not allowed", "title 'Über 💥' is not allowed")),
    ("unknown", ("title 'a\nb' is not allowed", "title 'c' is not allowed")),
    ("unknown", ("cannot parse '{\"a\": 1}'", "cannot parse '{\"bb\": [1, 2]}'")),
    (
        "unknown",
        ("unclosed tag in '<div class=\"hero\">'", "unclosed tag in '<section id=\"x\"><p>'"),
    ),
    ("unknown", ("roles frozenset({'a', 'b'}) overlap", "roles frozenset({'c'}) overlap")),
    ("unknown", ("bad OrderedDict({'a': 1})", "bad OrderedDict({'a': 22})")),
    ("unknown", ("range(0, 12) is empty", "range(5, 5) is empty")),
    ("unknown", ("slice(0, 12, None) is not supported", "slice(3, 7, None) is not supported")),
    ("unknown", ("pair (3, 'home', 2.5) is not unique", "pair (12, 'kontakt', 0.1) is not unique")),
    (
        "unknown",
        (
            "grid [[1, 2], [3, 4]] is not square",
            "grid [[1, 2, 3], [4, 5, 6], [7, 8, 9]] is not square",
        ),
    ),
    ("unknown", ('{"page": 3, "score": 0.25}', '{"page": 17, "score": 12}')),
    (
        "unknown",
        (
            'model said {"plan": {"pages": [{"n": 1, "t": "Home"}]}}',
            'model said {"plan": {"pages": [{"n": 4, "t": "A"}, {"n": 5, "t": "B"}]}}',
        ),
    ),
    ("unknown", ('{"ok": false, "id": "a1"}', '{"ok": false, "id": "zz9"}')),
    (
        "unknown",
        (
            "2 validation errors for Plan\npages.0.title\n  Field required [type=missing, input_value={'slug': 'a'}, input_type=dict]\npages.0.order\n  Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='x', input_type=str]",
            "2 validation errors for Plan\npages.4.title\n  Field required [type=missing, input_value={'slug': 'zzz', 'k': 1}, input_type=dict]\npages.4.order\n  Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='first', input_type=str]",
        ),
    ),
    (
        "unknown",
        (
            "1 validation error for Plan\nstyle\n  Input should be 'dark' or 'light' [type=enum, input_value='pinkish', input_type=str]",
            "1 validation error for Plan\nstyle\n  Input should be 'dark' or 'light' [type=enum, input_value='blue-ish', input_type=str]",
        ),
    ),
    (
        "unknown",
        (
            "Failed to parse Plan from completion {\"pages\": 3}. Got: 1 validation error for Plan\ntitle\n  Field required [type=missing, input_value={'pages': 3}, input_type=dict]",
            "Failed to parse Plan from completion {\"pages\": 12}. Got: 1 validation error for Plan\ntitle\n  Field required [type=missing, input_value={'pages': 12}, input_type=dict]",
        ),
    ),
    ("unknown", ("invalid syntax (<unknown>, line 12)", "invalid syntax (<unknown>, line 3)")),
    (
        "unknown",
        (
            "invalid syntax. Perhaps you forgot a comma? (<unknown>, line 12)",
            "invalid syntax. Perhaps you forgot a comma? (<unknown>, line 1)",
        ),
    ),
    (
        "unknown",
        ("('EOF in multi-line statement', (12, 0))", "('EOF in multi-line statement', (3, 4))"),
    ),
    (
        "unknown",
        (
            "Expected '=' after a key in a key/value pair (at line 3, column 5)",
            "Expected '=' after a key in a key/value pair (at line 12, column 1)",
        ),
    ),
    ("unknown", ("Unclosed element 'div' at line 3", "Unclosed element 'div' at line 77")),
    (
        "unknown",
        (
            'Error: expected "{".\n  ╷\n3 │ .a\n  │   ^\n  ╵\n  src/a.scss 3:3  root stylesheet',
            'Error: expected "{".\n   ╷\n44 │ .nav .b\n   │        ^\n   ╵\n  src/css/nav.scss 44:8  root stylesheet',
        ),
    ),
    (
        "unknown",
        (
            "CssSyntaxError: /srv/p/1/a.css:12:3: Unclosed block",
            "CssSyntaxError: /home/x/b/c.css:1:99: Unclosed block",
        ),
    ),
    (
        "unknown",
        (
            '[vite]: Rollup failed to resolve import "left-padx" from "/srv/p/1/src/main.tsx".',
            '[vite]: Rollup failed to resolve import "left-padx" from "/home/x/src/App.tsx".',
        ),
    ),
    (
        "unknown",
        (
            "src/App.jsx (3:7): Unexpected token\n1: import a\n2: \n3: let = 3\n       ^\n4: more",
            "src/Nav.jsx (9:1): Unexpected token\n7: x\n8: y\n9: }}\n   ^\n10: z",
        ),
    ),
    (
        "unknown",
        (
            "src/a.ts:3:5 - error TS2304: Cannot find name 'foo'.\n\n3     foo()\n      ~~~\n\n\nFound 1 error in src/a.ts:3",
            "src/b/c.ts:30:9 - error TS2304: Cannot find name 'foo'.\n\n30         foo(1, 2)\n           ~~~\n\n\nFound 1 error in src/b/c.ts:30",
        ),
    ),
    (
        "unknown",
        (
            "[plugin:vite:vue] Element is missing end tag.\n/srv/p/1/src/App.vue:3:5",
            "[plugin:vite:vue] Element is missing end tag.\n/home/x/src/views/Home.vue:40:12",
        ),
    ),
    (
        "unknown",
        (
            'Error occurred prerendering page "/products/42". Read more: https://nextjs.org/docs/messages/prerender-error',
            'Error occurred prerendering page "/about". Read more: https://nextjs.org/docs/messages/prerender-error',
        ),
    ),
    (
        "unknown",
        (
            "npm error code ERESOLVE\nnpm error While resolving: site@1.0.0\nnpm error Found: react@19.0.0",
            "npm error code ERESOLVE\nnpm error While resolving: site@1.2.3\nnpm error Found: react@18.3.1",
        ),
    ),
    (
        "unknown",
        (
            'error An unexpected error occurred: "https://registry.example/left-padx: Not found".',
            'error An unexpected error occurred: "https://registry2.example/left-padx: Not found".',
        ),
    ),
    (
        "unknown",
        (
            "ERR_PNPM_FETCH_404  GET https://registry.example/left-padx: Not Found - 404",
            "ERR_PNPM_FETCH_404  GET https://r2.example/left-padx: Not Found - 404",
        ),
    ),
    (
        "unknown",
        (
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because fastapix was not found",
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because fastapix was not found ",
        ),
    ),
    (
        "unknown",
        (
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb8d0a3 node::OOMErrorHandler",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xc01dbe node::OOMErrorHandler",
        ),
    ),
    (
        "unknown",
        (
            "Error: Timeout of 5000ms exceeded at Object.<anonymous> (/srv/p/1/a.test.js:3:5)",
            "Error: Timeout of 2000ms exceeded at Object.<anonymous> (/home/x/b.test.js:33:15)",
        ),
    ),
    (
        "unknown",
        (
            'duplicate key value violates unique constraint "pages_pkey"\nDETAIL:  Key (id)=(7c1811ed-e98f-4c9c-a9f9-58c757ff494f) already exists.',
            'duplicate key value violates unique constraint "pages_pkey"\nDETAIL:  Key (id)=(bea691f2-2e25-4bec-9838-e0c44b03d60a) already exists.',
        ),
    ),
    (
        "unknown",
        (
            'syntax error at or near "FORM"\nLINE 1: SELECT * FORM pages WHERE id = 12\n                 ^',
            'syntax error at or near "FORM"\nLINE 3: SELECT title FORM pages WHERE id = 977\n                     ^',
        ),
    ),
    (
        "unknown",
        (
            "(sqlite3.IntegrityError) NOT NULL constraint failed: page.title\n[SQL: INSERT INTO page (slug, title) VALUES (?, ?)]\n[parameters: [('a', None), ('b', 'x')]]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
            "(sqlite3.IntegrityError) NOT NULL constraint failed: page.title\n[SQL: INSERT INTO page (slug, title) VALUES (?, ?)]\n[parameters: [('zz', None)]]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
        ),
    ),
    (
        "unknown",
        (
            "offset 12345678 out of range for partition gen-events-3",
            "offset 99 out of range for partition gen-events-11",
        ),
    ),
    (
        "unknown",
        (
            "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms",
            "PRECONDITION_FAILED - delivery acknowledgement on channel 12 timed out. Timeout value used: 60000 ms",
        ),
    ),
    ("unknown", ("3번째 페이지를 만들 수 없습니다", "12번째 페이지를 만들 수 없습니다")),
    ("unknown", ("ไม่พบหน้า ๑๒", "ไม่พบหน้า ๗")),
    ("unknown", ("पृष्ठ १२ नहीं मिला", "पृष्ठ ७ नहीं मिला")),
    ("unknown", ("用户“小明”没有权限", "用户“阿强”没有权限")),
    ("unknown", ("『ホーム』のページを作れません", "『会社概要』のページを作れません")),
    ("unknown", ("Seite „Über uns“ ist leer", "Seite „Kontakt“ ist leer")),
    ("unknown", ("12 numaralı sayfa oluşturulamadı", "7 numaralı sayfa oluşturulamadı")),
    (
        "unknown",
        (
            "no se pudo abrir el archivo «inicio.html»",
            "no se pudo abrir el archivo «contacto.html»",
        ),
    ),
    ("unknown", ("page\u200b 12 failed", "page\u200b 7 failed")),
    ("unknown", ("a\tb failed 3", "a b   failed 44")),
    (
        "provider_error",
        (
            "Error code: 529 - {'type': 'error', 'error': {'details': None, 'type': 'overloaded_error', 'message': 'Overloaded'}, 'request_id': 'req_011CSabc'}",
            "Error code: 529 - {'type': 'error', 'error': {'details': None, 'type': 'overloaded_error', 'message': 'Overloaded'}, 'request_id': 'req_011CTxyz99'}",
        ),
    ),
    (
        "rate_limit",
        (
            "Error code: 429 - {'error': {'code': '429', 'message': 'Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-01 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 12 seconds.'}}",
            "Error code: 429 - {'error': {'code': '429', 'message': 'Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second.'}}",
        ),
    ),
    (
        "provider_error",
        (
            "[Errno -2] Name or service not known: api-7.example.com",
            "[Errno -2] Name or service not known: llm.example.org",
        ),
    ),
    (
        "provider_error",
        (
            "Cannot connect to host api.example.com:443 ssl:default [Connect call failed ('1.2.3.4', 443)]",
            "Cannot connect to host llm-2.example.org:8443 ssl:default [Connect call failed ('10.0.0.9', 8443)]",
        ),
    ),
    (
        "provider_error",
        (
            "Cannot connect to host localhost:39211 ssl:default [Multiple exceptions: [Errno 111] Connect call failed ('127.0.0.1', 39211), [Errno 99] Cannot assign requested address]",
            "Cannot connect to host localhost:40001 ssl:default [Multiple exceptions: [Errno 111] Connect call failed ('127.0.0.1', 40001), [Errno 99] Cannot assign requested address]",
        ),
    ),
    (
        "ai_timeout",
        (
            "Timed out after 30.0 seconds waiting for the model gpt-4o",
            "Timed out after 90.5 seconds waiting for the model claude-sonnet-4-5",
        ),
    ),
    (
        "ai_timeout",
        (
            "model did not answer within 30s (request 7c1811ed-e98f-4c9c-a9f9-58c757ff494f)",
            "model did not answer within 120s (request bea691f2-2e25-4bec-9838-e0c44b03d60a)",
        ),
    ),
    (
        "provider_error",
        (
            "model 'llama3:8b' not found, try pulling it first",
            "model 'qwen2.5:0.5b' not found, try pulling it first",
        ),
    ),
    (
        "rate_limit",
        (
            "Error code: 429 - {'error': {'message': 'Rate limit reached for model `llama-3.1-70b` in organization `org_01abc` service tier `on_demand` on tokens per day (TPD): Limit 100000, Used 99980, Requested 1200. Please try again in 16m59.52s.', 'type': 'tokens', 'code': 'rate_limit_exceeded'}}",
            "Error code: 429 - {'error': {'message': 'Rate limit reached for model `mixtral-8x7b` in organization `org_9zz` service tier `on_demand` on tokens per day (TPD): Limit 500000, Used 499980, Requested 44. Please try again in 1m2s.', 'type': 'tokens', 'code': 'rate_limit_exceeded'}}",
        ),
    ),
    (
        "rate_limit",
        (
            "RetryError[<Future at 0x7f3c1a2b4d60 state=finished raised RateLimitError>]",
            "RetryError[<Future at 0x10e5aa040 state=finished raised RateLimitError>]",
        ),
    ),
    ("unknown", ("Row 3 has 7 cells, header has 9", "Row 1200 has 12 cells, header has 14")),
    ("unknown", ("temperature -4.5 out of range", "temperature 2e3 out of range")),
    ("unknown", ("score 0.87 < threshold 0.9", "score .5 < threshold 0.75")),
    ("unknown", ("total is 1 234 567 bytes", "total is 98 765 bytes")),
    ("unknown", ("total is 1'234'567 CHF", "total is 98'765 CHF")),
    ("unknown", ("Umsatz 1.234,56 € zu hoch", "Umsatz 7,10 € zu hoch")),
    ("unknown", ("₹12,34,567.00 exceeds limit", "₹99,000.50 exceeds limit")),
    ("unknown", ("budget of $1.2M overrun", "budget of $350K overrun")),
    ("unknown", ("context: 128k tokens, prompt: 131k", "context: 32k tokens, prompt: 40k")),
    ("unknown", ("progress 12/40 when killed", "progress 3/7 when killed")),
    ("unknown", ("batch #12 rejected", "batch #3401 rejected")),
    ("unknown", ("slide no. 4 has no title", "slide no. 19 has no title")),
    ("unknown", ("attempt 3 of 5 failed", "attempt 10 of 12 failed")),
    ("unknown", ("1st chunk was lost", "22nd chunk was lost", "113th chunk was lost")),
    ("unknown", ("x=12, y=40 is off canvas", "x=-3, y=8000 is off canvas")),
    ("unknown", ("bbox [12, 40, 220, 310] overlaps", "bbox [1, 2, 3, 4] overlaps")),
    ("unknown", ("vector has NaN at 14", "vector has NaN at 9")),
    ("unknown", ("ratio 16:9 not allowed", "ratio 4:3 not allowed")),
    ("unknown", ("margin 12px exceeds 8px", "margin 1.5px exceeds 100px")),
    ("unknown", ("rotation of 45° unsupported", "rotation of 12.5° unsupported")),
    ("unknown", ("exit code: 17 after 3 tries", "exit code: 17 after 9 tries")),
    ("unknown", ("cpu at 99.9 %, aborting", "cpu at 87 %, aborting")),
    ("unknown", ("opacity 0x1F invalid", "opacity 0xabcdef invalid")),
    ("unknown", ("flags 0b1010 unknown", "flags 0b1 unknown")),
    ("unknown", ("mode 0o755 refused", "mode 0o600 refused")),
    ("unknown", ("checksum 1A2B3C4D mismatch", "checksum 99FF00E1 mismatch")),
    ("unknown", ("payload of 3.4MB refused", "payload of 12KB refused", "payload of 1GB refused")),
    ("unknown", ("payload of 3.4 MiB refused", "payload of 700 KiB refused")),
    ("unknown", ("upload stopped at 12 Mbit/s", "upload stopped at 3.5 Mbit/s")),
    ("unknown", ("render took 1.2s", "render took 340ms", "render took 12µs")),
    ("unknown", ("render took 2 minutes", "render took 1 minute")),
    ("unknown", ("render took 3 min 12 s", "render took 14 min 2 s")),
    ("unknown", ("cache expired 3 days ago", "cache expired 1 day ago")),
    ("unknown", ("waited 00:01:32.5 for lock", "waited 00:00:02.1 for lock")),
    ("unknown", ("ttl of 90d too long", "ttl of 400d too long")),
    ("unknown", ("took 1h 3m 12s in total", "took 2h 14m 1s in total")),
    ("unknown", ("retry in 12.5 seconds", "retry in 1 second")),
    (
        "unknown",
        (
            "session 550e8400-e29b-41d4-a716-446655440000 gone",
            "session 6ba7b810-9dad-11d1-80b4-00c04fd430c8 gone",
        ),
    ),
    (
        "unknown",
        (
            "session {550E8400-E29B-41D4-A716-446655440000} gone",
            "session {6BA7B810-9DAD-11D1-80B4-00C04FD430C8} gone",
        ),
    ),
    (
        "unknown",
        (
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000 gone",
            "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8 gone",
        ),
    ),
    ("unknown", ("msg_01XFDUDYJgAACzvnptvVoYEL failed", "msg_013Zva2CMHLNnXjNJJKqJ2EF failed")),
    ("unknown", ("request id req_7f2c1b9a0d failed", "request id req_0a1b2c3d4e failed")),
    ("unknown", ("run_abc123XYZ789 expired", "run_Kd82Jx91Lmn0 expired")),
    ("unknown", ("thread_8Qv3kLmPz0aB1cDe not found", "thread_Zz9yXw8vUt7sRq6p not found")),
    ("unknown", ("call_Xn3mPq8ZtR1vB6 has no output", "call_a8Fj2KdL0qWeRt has no output")),
    (
        "unknown",
        (
            "toolu_01A09q90qw90lq917835lq9 without result",
            "toolu_01T1x1fJ34qAmk2tNTrN7Up6 without result",
        ),
    ),
    ("unknown", ("chatcmpl-AbCd1234EfGh5678 was cut", "chatcmpl-9xYz8wVu7tSr6qPo was cut")),
    ("unknown", ("file-abc123DEF456ghi789 unreadable", "file-Zx9Yw8Vu7Ts6Rq5P unreadable")),
    ("unknown", ("asst_4kLmN8pQrStUvWxYz0 missing", "asst_Zb3cD4eF5gH6iJ7kL8 missing")),
    (
        "unknown",
        ("ULID 01ARZ3NDEKTSV4RRFFQ69G5FAV unknown", "ULID 01BX5ZZKBKACTAV9WEVGEMMVRZ unknown"),
    ),
    (
        "unknown",
        ("object 507f1f77bcf86cd799439011 vanished", "object 64b7f3e2a1c9d8e7f6a5b4c3 vanished"),
    ),
    (
        "unknown",
        (
            "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123def456 throttled",
            "arn:aws:bedrock:us-east-1:987654321098:provisioned-model/zyx987wvu654 throttled",
        ),
    ),
    (
        "unknown",
        (
            "trace 4bf92f3577b34da6a3ce929d0e0e4736 dropped",
            "trace 0af7651916cd43dd8448eb211c80319c dropped",
        ),
    ),
    (
        "unknown",
        (
            "traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 bad",
            "traceparent 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00 bad",
        ),
    ),
    ("unknown", ("pod web-7d9f8b6c5d-x2x4z was evicted", "pod web-5c6f9d7b8f-q9k2m was evicted")),
    ("unknown", ("ticket APP-1234 has no owner", "ticket APP-77 has no owner")),
    ("unknown", ("commit 9fceb02 cannot build", "commit a1b2c3d cannot build")),
    (
        "unknown",
        (
            "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 cannot build",
            "commit a94a8fe5ccb19ba61c4c0873d391e987982fbbd3 cannot build",
        ),
    ),
    (
        "unknown",
        (
            "digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 missing",
            "digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 missing",
        ),
    ),
    (
        "unknown",
        (
            "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg== wrong",
            "integrity sha512-vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg== wrong",
        ),
    ),
    (
        "unknown",
        (
            "md5 d41d8cd98f00b204e9800998ecf8427e differs",
            "md5 0cc175b9c0f1b6a831c399e269772661 differs",
        ),
    ),
    (
        "unknown",
        (
            "<Task pending name='Task-12' coro=<run() running at app.py:12>> was destroyed",
            "<Task pending name='Task-3401' coro=<run() running at app.py:98>> was destroyed",
        ),
    ),
    (
        "unknown",
        (
            "<Future at 0x7f9c1c2d3e40 state=pending> lost",
            "<Future at 0x10a2b3c4d state=pending> lost",
        ),
    ),
    (
        "unknown",
        (
            "<app.models.Page object at 0x7fb2a0> is not serialisable",
            "<app.models.Page object at 0x7fdeadbeef10> is not serialisable",
        ),
    ),
    ("unknown", ("Thread-12 (worker) died", "Thread-3 (worker) died")),
    ("unknown", ("pid 3421 exited", "pid 7 exited")),
    ("unknown", ("[pid=3421, tid=140221] lost lease", "[pid=1, tid=99] lost lease")),
    ("unknown", ("user_id=4412 over quota", "user_id=9 over quota")),
    ("unknown", ("tenant=acme-4412 over quota", "tenant=acme-19 over quota")),
    (
        "unknown",
        (
            "snapshot of 2024-03-05T14:22:01Z is stale",
            "snapshot of 2025-11-30T02:00:59.123456+02:00 is stale",
        ),
    ),
    (
        "unknown",
        (
            "snapshot of 2024-03-05 14:22:01,123 is stale",
            "snapshot of 2025-11-30 02:00:59,001 is stale",
        ),
    ),
    (
        "unknown",
        (
            "snapshot of 05/Mar/2024:14:22:01 +0000 is stale",
            "snapshot of 30/Nov/2025:02:00:59 +0100 is stale",
        ),
    ),
    (
        "unknown",
        (
            "snapshot of Tue, 05 Mar 2024 14:22:01 GMT is stale",
            "snapshot of Sun, 30 Nov 2025 02:00:59 GMT is stale",
        ),
    ),
    ("unknown", ("snapshot of Mar 5 14:22:01 is stale", "snapshot of Nov 30 02:00:59 is stale")),
    ("unknown", ("snapshot of March 5, 2024 is stale", "snapshot of November 30, 2025 is stale")),
    ("unknown", ("snapshot of 5 March 2024 is stale", "snapshot of 30 November 2025 is stale")),
    ("unknown", ("snapshot of 05.03.2024 is stale", "snapshot of 30.11.2025 is stale")),
    ("unknown", ("snapshot of 3/5/24 is stale", "snapshot of 11/30/25 is stale")),
    ("unknown", ("snapshot of 20240305T142201Z is stale", "snapshot of 20251130T020059Z is stale")),
    ("unknown", ("snapshot of 1709648521 is stale", "snapshot of 1764468059123 is stale")),
    ("unknown", ("snapshot at 2:05 PM is stale", "snapshot at 11:59 AM is stale")),
    ("unknown", ("snapshot of 2024-W10 is stale", "snapshot of 2025-W48 is stale")),
    (
        "unknown",
        (
            "datetime.datetime(2024, 3, 5, 14, 22) is naive",
            "datetime.datetime(2025, 11, 30, 2, 0, 59, 123) is naive",
        ),
    ),
    ("unknown", ("peer 10.0.3.17:5432 refused", "peer 192.168.0.1:5433 refused")),
    ("unknown", ("peer [2001:db8::1]:443 refused", "peer [fe80::1ff:fe23:4567:890a]:8443 refused")),
    ("unknown", ("peer ::1 refused", "peer fe80::dead:beef refused")),
    (
        "unknown",
        (
            "cannot reach https://api.acme.dev/v1/pages/12?x=1",
            "cannot reach https://api.other.io/v2/sites/abc?y=2#top",
        ),
    ),
    (
        "unknown",
        ("cannot reach http://localhost:3000/", "cannot reach http://localhost:5173/index.html"),
    ),
    (
        "unknown",
        (
            "cannot open postgresql://app:s3cret@db-1:5432/gen",
            "cannot open postgresql://app:pw@db-2:5432/gen2",
        ),
    ),
    ("unknown", ("cannot open s3://bucket-a/x/y.html", "cannot open s3://bucket-b/z.html")),
    ("unknown", ("mac 00:1A:2B:3C:4D:5E unknown", "mac a0:b1:c2:d3:e4:f5 unknown")),
    ("unknown", ("user anna.meier@example.org has no seat", "user bob+x@corp.co.uk has no seat")),
    ("unknown", ("port 5173 is already in use", "port 3000 is already in use")),
    (
        "unknown",
        (
            "listen EADDRINUSE: address already in use :::3000",
            "listen EADDRINUSE: address already in use :::8081",
        ),
    ),
    (
        "unknown",
        (
            "host gen-worker-12.internal.acme.com is unreachable",
            "host gen-worker-3.internal.acme.com is unreachable",
        ),
    ),
    ("unknown", ("net 10.0.0.0/8 not allowed", "net 192.168.0.0/16 not allowed")),
    (
        "unknown",
        ("cannot read /srv/app/projects/12/src/App.tsx", "cannot read /home/anna/p/Hero.tsx"),
    ),
    ("unknown", ("cannot read ./src/pages/about.html", "cannot read ../site/pages/contact.html")),
    ("unknown", ("cannot read src/components/Nav.tsx", "cannot read app/routes/deep/Footer.tsx")),
    (
        "unknown",
        ("cannot read C:\\Users\\Anna\\proj\\App.tsx", "cannot read D:\\work\\gen\\Hero.tsx"),
    ),
    ("unknown", ("cannot read ~/gen/out.json", "cannot read ~/other/place/plan.json")),
    ("unknown", ("cannot read file:///tmp/a/b.html", "cannot read file:///var/x/c.html")),
    (
        "unknown",
        ("cannot read /tmp/tmpab12cd34/page.html", "cannot read /tmp/tmpzz99yy88/page.html"),
    ),
    (
        "unknown",
        ("cannot read '/srv/my app/with space/a.css'", "cannot read '/srv/other app/b.css'"),
    ),
    ("unknown", ("src/App.tsx:12:5 is broken", "src/Hero.tsx:140:22 is broken")),
    ("unknown", ("src/App.tsx(12,5): broken", "src/Hero.tsx(140,22): broken")),
    (
        "unknown",
        (
            "at render (/srv/a/node_modules/react/cjs/react.js:12:9)",
            "at render (/opt/b/node_modules/react/cjs/react.js:99:1)",
        ),
    ),
    (
        "unknown",
        ("webpack:///./src/App.js?a1b2 is broken", "webpack:///./src/Hero.js?c3d4 is broken"),
    ),
    ("unknown", ('unknown colour "rebeccapurpel"', 'unknown colour "blak"')),
    ("unknown", ("unknown colour 'rebeccapurpel'", "unknown colour 'blak'")),
    ("unknown", ("unknown colour `rebeccapurpel`", "unknown colour `blak`")),
    ("unknown", ("unknown colour “rebeccapurpel”", "unknown colour “blak”")),
    ("unknown", ("unknown colour ‘rebeccapurpel’", "unknown colour ‘blak’")),
    ("unknown", ("unknown colour «rebeccapurpel»", "unknown colour «blak»")),
    ("unknown", ("unknown colour „rebeccapurpel“", "unknown colour „blak“")),
    ("unknown", ("unknown colour 「赤い」", "unknown colour 「青い」")),
    ("unknown", ("unknown colour ‹rot›", "unknown colour ‹grün›")),
    ("unknown", ("unknown colour b'rot'", "unknown colour b'gr\\xc3'")),
    ("unknown", ("title 'Anna\\'s page' too long", "title 'Bob\\'s big page' too long")),
    ("unknown", ('title "say \\"hi\\"" too long', 'title "a \\"quoted\\" one" too long')),
    ("unknown", ("title 'Käse & Brot – 🍞' too long", "title 'Über uns' too long")),
    ("unknown", ("title '' too short", "title 'a' too short")),
    ("unknown", ('cannot use {"title": "a", "n": 3}', 'cannot use {"title": "bcd", "n": 44}')),
    (
        "unknown",
        (
            'cannot use {"pages": [{"id": 1}], "ok": true}',
            'cannot use {"pages": [{"id": 9}], "ok": false}',
        ),
    ),
    ("unknown", ("cannot use {'title': 'a', 'n': 3}", "cannot use {'title': 'xyz', 'n': 4}")),
    ("unknown", ("cannot use ['a', 'b']", "cannot use ['x', 'y']")),
    ("unknown", ("cannot use [1, 2, 3]", "cannot use [4, 5, 6]")),
    (
        "unknown",
        ("input_value={'a': 1}, input_type=dict", "input_value={'a': 22}, input_type=dict"),
    ),
    ("unknown", ("input_value='anna', input_type=str", "input_value='bob', input_type=str")),
    (
        "unknown",
        (
            "Expecting value: line 1 column 1 (char 0)",
            "Expecting value: line 40 column 12 (char 913)",
        ),
    ),
    ("unknown", ('Failed to parse: {"title": "My p', 'Failed to parse: {"title": "Other lon')),
    ("unknown", ("body was b'{\"a\": 1}'", "body was b'{\"a\": 2}'")),
    (
        "unknown",
        (
            "image data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ rejected",
            "image data:image/png;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEA rejected",
        ),
    ),
    (
        "unknown",
        (
            "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123DEF456 expired",
            "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI5OSJ9.xyz987UVW654 expired",
        ),
    ),
    (
        "unknown",
        (
            "\x1b[31merror\x1b[0m in build 3",
            "\x1b[1;31merror\x1b[39;0m in build 7",
            "error in build 9",
        ),
    ),
    (
        "unknown",
        (
            "blob VGhpcyBpcyBhIGxvbmcgdGVzdCBtZXNzYWdlIGZvciBiYXNlNjQ= refused",
            "blob QW5vdGhlciB0ZXN0IG1lc3NhZ2UgdGhhdCBpcyBsb25nIGVub3VnaA== refused",
        ),
    ),
    ("unknown", ("react 18.2.0 is unsupported", "react 17.0.2 is unsupported")),
    ("unknown", ("needs python >=3.10,<3.13", "needs python >=3.11,<4")),
    ("unknown", ("found v1.2.3-beta.4", "found v2.0.0-rc.1")),
    (
        "unknown",
        ("model gpt-x build 20240305 unsupported", "model gpt-x build 20251130 unsupported"),
    ),
    ("unknown", ("Zeile 12: Spalte 'Preis' fehlt", "Zeile 9: Spalte 'Menge' fehlt")),
    ("unknown", ("ligne 12 : colonne « prix » absente", "ligne 3 : colonne « nom » absente")),
    ("unknown", ("第12行缺少标题", "第340行缺少标题")),
    ("unknown", ("строка 12: нет заголовка", "строка 7: нет заголовка")),
    ("unknown", ("١٢ صفحة", "٣٤٥ صفحة")),
    (
        "unknown",
        ("ошибка в файле /srv/сайт/страница.html", "ошибка в файле /srv/проект/индекс.html"),
    ),
    (
        "unknown",
        (
            'Worker crashed:\nTraceback (most recent call last):\n  File "/srv/a/app.py", line 12, in build\n    x()\nKeyError: 3',
            'Worker crashed:\nTraceback (most recent call last):\n  File "/opt/b/app.py", line 99, in build\n    x()\nKeyError: 4',
        ),
    ),
    (
        "unknown",
        (
            "TypeError: Cannot read properties of undefined (reading 'map')\n    at List (/srv/a/List.jsx:12:4)",
            "TypeError: Cannot read properties of undefined (reading 'map')\n    at List (/opt/z/List.jsx:88:1)",
        ),
    ),
    (
        "unknown",
        (
            "panic: index out of range [5] with length 3\ngoroutine 12 [running]:",
            "panic: index out of range [9] with length 2\ngoroutine 88 [running]:",
        ),
    ),
    (
        "unknown",
        (
            "Error code: 400 - {'error': {'message': \"Invalid value: 'abc'\", 'param': 'seed'}}",
            "Error code: 400 - {'error': {'message': \"Invalid value: 'zzz'\", 'param': 'seed'}}",
        ),
    ),
    (
        "rate_limit",
        (
            "Rate limit reached for gpt-4o in organization org-abc123 on tokens per min (TPM): Limit 30000, Used 29000",
            "Rate limit reached for gpt-4o in organization org-zzz999 on tokens per min (TPM): Limit 10000, Used 9900",
        ),
    ),
    ("ai_timeout", ("Request timed out after 60 s", "Request timed out after 90.5 s")),
    (
        "ai_timeout",
        (
            "HTTPSConnectionPool(host='a.b', port=443): Read timed out. (read timeout=10)",
            "HTTPSConnectionPool(host='c.d', port=8443): Read timed out. (read timeout=30)",
        ),
    ),
    (
        "syntax_error",
        (
            "  12 |   <div>\n     |   ^ error: Unterminated JSX contents. (12:9)",
            "  7 |   <div>\n     |   ^ error: Unterminated JSX contents. (7:3)",
        ),
    ),
    ("syntax_error", ("invalid syntax (app.py, line 12)", "invalid syntax (main.py, line 3)")),
    (
        "validation_error",
        (
            "1 validation error for Plan\ntitle\n  Field required [type=missing, input_value={'x': 1}, input_type=dict]",
            "1 validation error for Plan\ntitle\n  Field required [type=missing, input_value={'y': 22, 'z': 3}, input_type=dict]",
        ),
    ),
    ("unknown", ("tests: 3 failed, 12 passed, 15 total", "tests: 1 failed, 2 passed, 3 total")),
    ("unknown", ("🚨 slide 3 overflows", "🚨 slide 12 overflows")),
    ("unknown", ("width:120px;height:40px is too small", "width:10px;height:4px is too small")),
    ("unknown", ("$variable_12 is unset", "$variable_3 is unset")),
    ("unknown", ("agent-3 stopped", "agent-14 stopped")),
    ("unknown", ("page_17.html was empty", "page_3.html was empty")),
    (
        "unknown",
        ("lat 48.137154, lon 11.576124 is outside", "lat -33.8688, lon 151.2093 is outside"),
    ),
    (
        "unknown",
        ('Project "Shop" (id: 42) is archived', 'Project "Blog & More" (id: 7) is archived'),
    ),
    (
        "unknown",
        (
            "file=src/App.tsx line=12 col=4 severity=error",
            "file=src/Hero.tsx line=140 col=22 severity=error",
        ),
    ),
    (
        "unknown",
        (
            "[2024-03-05 14:22:01] ERROR build: 3 modules failed",
            "[2025-11-30 02:00:59] ERROR build: 12 modules failed",
        ),
    ),
    (
        "unknown",
        (
            "2024-03-05T14:22:01.123Z error build crashed",
            "2025-11-30T02:00:59.001Z error build crashed",
        ),
    ),
    (
        "unknown",
        ("1709648521.123 worker[12]: build crashed", "1764468059.001 worker[7]: build crashed"),
    ),
    ("unknown", ("elapsed=12.3s tokens=1200 cost=$0.03", "elapsed=1m2s tokens=99 cost=$1.20")),
    ("unknown", ("Chunk 12 (4.2 kB gzip) is corrupt", "Chunk 3 (912 B gzip) is corrupt")),
    ("unknown", ("Cannot resize 800 x 600 to 400 x 300", "Cannot resize 1920 x 1080 to 640 x 480")),
    (
        "unknown",
        (
            "Expected 3 elements but got 1 (indices 0..2)",
            "Expected 12 elements but got 7 (indices 0..11)",
        ),
    ),
    ("unknown", ("page 3/12 (25%) failed", "page 9/10 (90%) failed")),
    ("unknown", ("port=5173 pid=991 already used", "port=3000 pid=1 already used")),
    (
        "unknown",
        (
            "Hash mismatch: expected 9f86d081884c7d65, got e3b0c44298fc1c14",
            "Hash mismatch: expected 0cc175b9c0f1b6a8, got d41d8cd98f00b204",
        ),
    ),
    ("unknown", ('ETag W/"33a64df5" changed', 'ETag W/"a91bc0de" changed')),
    ("unknown", ("job generate/2024-03-05/42 lost", "job generate/2025-11-30/7 lost")),
    ("unknown", ("queue gen-high-12 is full", "queue gen-high-3 is full")),
    (
        "unknown",
        (
            "Deadline 2024-03-05T14:22:01+00:00 passed 3.2s ago",
            "Deadline 2025-11-30T02:00:59+01:00 passed 12s ago",
        ),
    ),
    (
        "unknown",
        ("cookie sid=abc123def456; Path=/ rejected", "cookie sid=zzz999yyy888; Path=/ rejected"),
    ),
    ("unknown", ("Bearer abc123DEF456ghi789JKL rejected", "Bearer zyx987WVU654tsr321QPO rejected")),
    (
        "unknown",
        ("sk-proj-abc123DEF456ghi789 was revoked", "sk-proj-zyx987WVU654tsr321 was revoked"),
    ),
    (
        "unknown",
        (
            "signature 3045022100ab12cd34ef56ab12cd34ef56ab12cd34ef56 invalid",
            "signature 30440220bc23de45fa67bc23de45fa67bc23de45fa67 invalid",
        ),
    ),
    ("unknown", ("token_count: 1200 > max_tokens: 1000", "token_count: 99 > max_tokens: 50")),
    (
        "unknown",
        (
            "Assistant reply of 12,034 chars was cut at char 8,192",
            "Assistant reply of 900 chars was cut at char 800",
        ),
    ),
    (
        "unknown",
        (
            "tmpfile /tmp/gen-abc123/index.tmp vanished",
            "tmpfile /var/tmp/gen-zz9/index.tmp vanished",
        ),
    ),
    ("unknown", ("Could not copy a.png -> dist/a.png", "Could not copy logo.png -> out/logo.png")),
    ("unknown", ("Could not open 'résumé.html'", "Could not open 'über uns.html'")),
    ("unknown", ("Could not open /srv/données/été.html", "Could not open /srv/日本/ページ.html")),
    (
        "unknown",
        (
            "ENOENT: no such file or directory, open '/srv/a/b.json'",
            "ENOENT: no such file or directory, open 'C:\\Users\\x\\c.json'",
        ),
    ),
    (
        "unknown",
        (
            "Error in /srv/a/node_modules/@babel/core/lib/index.js:12",
            "Error in C:/work/node_modules/@babel/core/lib/index.js:88",
        ),
    ),
    (
        "unknown",
        (
            "git@github.com:acme/site.git is unreachable",
            "git@github.com:beta/shop.git is unreachable",
        ),
    ),
    (
        "unknown",
        ("docker image acme/gen:1.2.3 not pulled", "docker image acme/gen:2.0.0-rc1 not pulled"),
    ),
    ("unknown", ("row (3, 'anna', NULL, 4.5) refused", "row (77, 'bob', NULL, 1.25) refused")),
    (
        "unknown",
        ("got {'a': 1, 'b': [1, 2]} from model", "got {'a': 22, 'b': [7, 8, 9]} from model"),
    ),
    (
        "unknown",
        (
            'got {"a": null, "b": "x"} from model',
            'got {"a": null, "b": "long text, with commas"} from model',
        ),
    ),
    ("unknown", ("Decimal('12.30') is not a price", "Decimal('7') is not a price")),
    (
        "unknown",
        (
            "UUID('550e8400-e29b-41d4-a716-446655440000') is unknown",
            "UUID('6ba7b810-9dad-11d1-80b4-00c04fd430c8') is unknown",
        ),
    ),
    ("unknown", ("PosixPath('/srv/a/b') is outside", "PosixPath('/home/x') is outside")),
    ("unknown", ("User(id=3, name='anna') may not build", "User(id=77, name='bob') may not build")),
    (
        "unknown",
        (
            "<Response [502 Bad Gateway]> after 3 tries",
            "<Response [502 Bad Gateway]> after 9 tries",
        ),
    ),
    (
        "unknown",
        (
            "<coroutine object build at 0x7f12ab> was never awaited",
            "<coroutine object build at 0x10fe> was never awaited",
        ),
    ),
    (
        "unknown",
        (
            "functools.partial(<function f at 0x7f>, 3) failed",
            "functools.partial(<function f at 0x8a>, 12) failed",
        ),
    ),
    ("unknown", ("array([1., 2., 3.]) has NaN", "array([4., 5.]) has NaN")),
    (
        "unknown",
        (
            "2 errors:\n  - title too long (81 > 60)\n  - 3 links broken",
            "2 errors:\n  - title too long (99 > 60)\n  - 12 links broken",
        ),
    ),
    (
        "syntax_error",
        (
            "a.py:3:1: E999 IndentationError: unexpected indent",
            "app/b.py:120:9: E999 IndentationError: unexpected indent",
        ),
    ),
    (
        "dependency_error",
        (
            "ERROR in ./src/App.tsx 12:4\nModule not found: Error: Can't resolve 'zod' in '/srv/a/src'",
            "ERROR in ./src/pages/Hero.tsx 3:0\nModule not found: Error: Can't resolve 'zod' in '/home/b/src'",
        ),
    ),
    (
        "validation_error",
        ("✖ 3 problems (2 errors, 1 warning)", "✖ 12 problems (9 errors, 3 warnings)"),
    ),
    (
        "validation_error",
        (
            "FAILED tests/test_a.py::test_total - assert 3 == 4",
            "FAILED tests/test_a.py::test_total - assert 12 == 7",
        ),
    ),
    ("validation_error", ("assert 'abc' == 'abd'", "assert 'xy' == 'z'")),
    (
        "validation_error",
        (
            "Input should be less than or equal to 10 [type=less_than_equal, input_value=11, input_type=int]",
            "Input should be less than or equal to 10 [type=less_than_equal, input_value=99, input_type=int]",
        ),
    ),
    (
        "validation_error",
        ("'elm' is not one of ['react', 'vue']", "'svelt' is not one of ['react', 'vue']"),
    ),
    ("validation_error", ("pages.0.title: field too long", "pages.12.title: field too long")),
    ("validation_error", ("$.pages[3].title must be string", "$.pages[12].title must be string")),
    ("validation_error", ("/pages/3/title must be string", "/pages/12/title must be string")),
    (
        "rate_limit",
        ("Retry-After: 12, x-request-id: abc-123", "Retry-After: 3, x-request-id: zz-9"),
    ),
    ("rate_limit", ("Limit: 10 / min. Current: 12 / min", "Limit: 60 / min. Current: 99 / min")),
    (
        "provider_error",
        (
            "Connect to 10.0.0.1:443 [/10.0.0.1] failed: Connection refused",
            "Connect to 10.9.9.9:8443 [/10.9.9.9] failed: Connection refused",
        ),
    ),
    (
        "provider_error",
        (
            "Max retries exceeded with url: /v1/x?id=3 (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f1>: Failed to establish a new connection: [Errno 111] Connection refused'))",
            "Max retries exceeded with url: /v1/y (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x9a2>: Failed to establish a new connection: [Errno 111] Connection refused'))",
        ),
    ),
    ("unknown", ("font size 12.5pt too small", "font size 9pt too small")),
    ("unknown", ("line-height 1.2em refused", "line-height 2em refused")),
    ("unknown", ("sampled at 44.1 kHz", "sampled at 48 kHz")),
    ("unknown", ("clip of 25fps refused", "clip of 60fps refused")),
    ("unknown", ("speed 12 tok/s too low", "speed 3.5 tok/s too low")),
    ("unknown", ("User carol has no seat", "User dave has no seat")),
    ("unknown", ("user carol exceeded quota", "user dave exceeded quota")),
    ("unknown", ("/pages/3/hero must be string", "/pages/9/hero must be string")),
    ("unknown", ("got 1 000 of 2 000", "got 12 345 678 of 99 000")),
    ("unknown", ("file 'my page.html' broken", "file 'index2.html' broken")),
    ("unknown", ("invalid ‹a› here", "invalid ‹b c› here")),
    ("unknown", ("mask 0b1111 bad", "mask 0b0 bad")),
    ("unknown", ("mode 0o7 bad", "mode 0o644 bad")),
    ("unknown", ("scale 2x too big", "scale 3.5x too big")),
    ("unknown", ("sensor 12.5°C", "sensor 9°C")),
    ("unknown", ("bitrate 128 kbps low", "bitrate 64 kbps low")),
    ("unknown", ("chunk of 912 B lost", "chunk of 4.2 kB lost")),
    ("unknown", ("weights [1., 2.] bad", "weights [3., 4., 5.] bad")),
    ("unknown", ("lease 01HZX3V9Q2 lost by 10.0.0.1", "lease 01HZY7K2M4 lost by 10.9.9.9")),
    ("unknown", ("build #42 (main@9fceb02) failed", "build #7 (main@a1b2c3d) failed")),
    ("unknown", ("step 3 of 7: write Hero.tsx", "step 5 of 9: write Nav.tsx")),
    ("unknown", ("saw 3 of 'x' in \"abc\"", "saw 12 of 'yy' in \"defg\"")),
    ("unknown", ("POST /v1/gen/42 took 3.2s", "POST /v1/gen/7 took 950ms")),
    ("unknown", ("grid 12x8 invalid", "grid 3x4 invalid")),
)

DISTINCT: Final[tuple[tuple[tuple[str, str, str], tuple[str, str, str]], ...]] = (
    (
        ("unknown", "ValueError", "expected 12 columns, got 9"),
        ("unknown", "ValueError", "expected 12 rows, got 9"),
    ),
    (
        ("unknown", "ValueError", "page 3 could not be rendered"),
        ("unknown", "ValueError", "page 3 could not be saved"),
    ),
    (
        ("unknown", "ValueError", "page 3 is empty"),
        ("unknown", "ValueError", "page 3 is not empty"),
    ),
    (
        ("unknown", "ValueError", "user 42 not found"),
        ("unknown", "ValueError", "project 42 not found"),
    ),
    (
        ("unknown", "ValueError", "could not read /a/b.json"),
        ("unknown", "ValueError", "could not write /a/b.json"),
    ),
    (
        ("unknown", "ValueError", "too many files: 120"),
        ("unknown", "ValueError", "too few files: 120"),
    ),
    (
        ("unknown", "ValueError", "value must be positive"),
        ("unknown", "ValueError", "value must be negative"),
    ),
    (
        ("unknown", "ValueError", "connection to broker lost"),
        ("unknown", "ValueError", "connection to database lost"),
    ),
    (
        ("unknown", "ValueError", "token budget of 100 spent"),
        ("unknown", "ValueError", "time budget of 100 spent"),
    ),
    (
        ("unknown", "ValueError", "before start of file"),
        ("unknown", "ValueError", "before end of file"),
    ),
    (
        ("unknown", "ValueError", "min of empty sequence"),
        ("unknown", "ValueError", "max of empty sequence"),
    ),
    (
        ("unknown", "ValueError", "Datei 3 nicht gefunden"),
        ("unknown", "ValueError", "Datei 3 nicht lesbar"),
    ),
    (("unknown", "ValueError", "第12页生成失败"), ("unknown", "ValueError", "第12页保存失败")),
    (("unknown", "ValueError", "用户不存在"), ("unknown", "ValueError", "项目不存在")),
    (
        ("unknown", "ValueError", "ファイルの生成に失敗しました"),
        ("unknown", "ValueError", "ファイルの保存に失敗しました"),
    ),
    (
        ("unknown", "ValueError", "Не удалось создать страницу"),
        ("unknown", "ValueError", "Не удалось удалить страницу"),
    ),
    (
        ("unknown", "ValueError", "build failed: 🚀 deploy"),
        ("unknown", "ValueError", "build failed: 💾 save"),
    ),
    (
        ("unknown", "ValueError", "la page 3 est vide"),
        ("unknown", "ValueError", "la page 3 est verrouillée"),
    ),
    (
        ("unknown", "ValueError", "limit is 3 requests per minute"),
        ("unknown", "ValueError", "limit is 3 tokens per minute"),
    ),
    (("unknown", "ValueError", "facade is broken"), ("unknown", "ValueError", "decade is broken")),
    (
        ("unknown", "ValueError", "the cafe is closed"),
        ("unknown", "ValueError", "the face is closed"),
    ),
    (("unknown", "ValueError", "added feed"), ("unknown", "ValueError", "added bead")),
    (("unknown", "ValueError", "no plan"), ("unknown", "ValueError", "no code")),
    (("unknown", "ValueError", "empty"), ("unknown", "ValueError", "missing")),
    (("unknown", "ValueError", "check-in failed"), ("unknown", "ValueError", "check-out failed")),
    (
        ("unknown", "ValueError", "plan_pages returned nothing"),
        ("unknown", "ValueError", "write_pages returned nothing"),
    ),
    (
        ("unknown", "ValueError", "generateHeader returned nothing"),
        ("unknown", "ValueError", "generateFooter returned nothing"),
    ),
    (
        ("unknown", "ValueError", "app.plan returned None"),
        ("unknown", "ValueError", "app.code returned None"),
    ),
    (
        ("unknown", "ValueError", "state is WAITING_FOR_MODEL"),
        ("unknown", "ValueError", "state is WAITING_FOR_BUILD"),
    ),
    (("unknown", "ValueError", ""), ("unknown", "ValueError", "model returned nothing")),
    (("unknown", "ValueError", "result is None"), ("unknown", "ValueError", "result is empty")),
    (
        ("unknown", "ValueError", "Fee::add() called too early"),
        ("unknown", "ValueError", "Bee::add() called too early"),
    ),
    (
        ("unknown", "ValueError", "Fee::add() called too early"),
        ("unknown", "ValueError", "Fee::sub() called too early"),
    ),
    (("unknown", "ValueError", "is a directory"), ("unknown", "ValueError", "is not a directory")),
    (("unknown", "ValueError", "count < limit"), ("unknown", "ValueError", "count > limit")),
    (
        ("unknown", "ValueError", "src/App.tsx(12,5): error TS2322: Type is wrong."),
        ("unknown", "ValueError", "src/App.tsx(12,5): error TS2307: Type is wrong."),
    ),
    (
        ("unknown", "ValueError", "error TS1005: ';' expected."),
        ("unknown", "ValueError", "error TS1109: ';' expected."),
    ),
    (
        ("unknown", "ValueError", "npm error code ERESOLVE"),
        ("unknown", "ValueError", "npm error code E404"),
    ),
    (
        ("unknown", "ValueError", "npm error code ETARGET"),
        ("unknown", "ValueError", "npm error code ENOTFOUND"),
    ),
    (
        ("unknown", "ValueError", "npm error code E404"),
        ("unknown", "ValueError", "npm error code E403"),
    ),
    (
        ("unknown", "ValueError", "npm ERR! code ENOENT"),
        ("unknown", "ValueError", "npm ERR! code EACCES"),
    ),
    (
        ("unknown", "ValueError", "[Errno 2] No such file or directory: '/a/b.txt'"),
        ("unknown", "ValueError", "[Errno 13] Permission denied: '/a/b.txt'"),
    ),
    (
        ("unknown", "ValueError", "[Errno 104] failure"),
        ("unknown", "ValueError", "[Errno 111] failure"),
    ),
    (
        ("unknown", "ValueError", "[WinError 5] Access is denied"),
        ("unknown", "ValueError", "[WinError 32] Access is denied"),
    ),
    (
        ("unknown", "ValueError", "SQLSTATE 23505: constraint"),
        ("unknown", "ValueError", "SQLSTATE 23503: constraint"),
    ),
    (
        ("unknown", "ValueError", "ERROR: 40001 could not finish"),
        ("unknown", "ValueError", "ERROR: 40P01 could not finish"),
    ),
    (
        ("unknown", "ValueError", "ORA-00942: problem"),
        ("unknown", "ValueError", "ORA-01017: problem"),
    ),
    (
        ("unknown", "ValueError", "(1062, 'problem')"),
        ("unknown", "ValueError", "(1045, 'problem')"),
    ),
    (
        ("unknown", "ValueError", "ERROR 1045 (28000): problem"),
        ("unknown", "ValueError", "ERROR 1049 (42000): problem"),
    ),
    (
        ("unknown", "ValueError", "12:5  error  Bad thing  no-undef"),
        ("unknown", "ValueError", "12:5  error  Bad thing  no-unused-vars"),
    ),
    (
        ("unknown", "ValueError", "app.py:3:1: F401 unused"),
        ("unknown", "ValueError", "app.py:3:1: E501 unused"),
    ),
    (
        ("unknown", "ValueError", "app.py:3: error: Bad [arg-type]"),
        ("unknown", "ValueError", "app.py:3: error: Bad [return-value]"),
    ),
    (
        ("unknown", "ValueError", "app.py:3:0: C0114 bad"),
        ("unknown", "ValueError", "app.py:3:0: W0611 bad"),
    ),
    (
        (
            "unknown",
            "ValueError",
            "1 validation error for App\ntitle\n  Bad [type=missing, input_value={}, input_type=dict]",
        ),
        (
            "unknown",
            "ValueError",
            "1 validation error for App\ntitle\n  Bad [type=string_type, input_value={}, input_type=dict]",
        ),
    ),
    (
        (
            "unknown",
            "ValueError",
            "1 validation error for App\ntitle\n  Field required [type=missing, input_value={}, input_type=dict]",
        ),
        (
            "unknown",
            "ValueError",
            "1 validation error for App\npages\n  Field required [type=missing, input_value={}, input_type=dict]",
        ),
    ),
    (
        (
            "unknown",
            "ValueError",
            "1 validation error for App\ntitle\n  Field required [type=missing, input_value={}, input_type=dict]",
        ),
        (
            "unknown",
            "ValueError",
            "1 validation error for Site\ntitle\n  Field required [type=missing, input_value={}, input_type=dict]",
        ),
    ),
    (
        ("unknown", "ValueError", "1 validation error for App\npages.0.title\n  Field required"),
        ("unknown", "ValueError", "1 validation error for App\npages.0.slug\n  Field required"),
    ),
    (
        ("unknown", "ValueError", "exited with code 137"),
        ("unknown", "ValueError", "exited with code 1"),
    ),
    (
        ("unknown", "ValueError", "Command returned non-zero exit status 127."),
        ("unknown", "ValueError", "Command returned non-zero exit status 1."),
    ),
    (
        ("unknown", "ValueError", "died with signal SIGKILL"),
        ("unknown", "ValueError", "died with signal SIGSEGV"),
    ),
    (
        ("unknown", "ValueError", "died with <Signals.SIGKILL: 9>."),
        ("unknown", "ValueError", "died with <Signals.SIGTERM: 15>."),
    ),
    (
        ("unknown", "ValueError", "StatusCode.UNAVAILABLE: failed"),
        ("unknown", "ValueError", "StatusCode.DEADLINE_EXCEEDED: failed"),
    ),
    (
        ("unknown", "ValueError", "rpc error: code = Unavailable desc = x"),
        ("unknown", "ValueError", "rpc error: code = Internal desc = x"),
    ),
    (
        (
            "unknown",
            "ValueError",
            "An error occurred (AccessDeniedException) when calling the InvokeModel operation",
        ),
        (
            "unknown",
            "ValueError",
            "An error occurred (ValidationException) when calling the InvokeModel operation",
        ),
    ),
    (
        (
            "unknown",
            "ValueError",
            "An error occurred (AccessDenied) when calling the PutObject operation",
        ),
        (
            "unknown",
            "ValueError",
            "An error occurred (AccessDenied) when calling the GetObject operation",
        ),
    ),
    (
        ("unknown", "ValueError", "NoSuchKey: s3://a/b.zip"),
        ("unknown", "ValueError", "NoSuchBucket: s3://a/b.zip"),
    ),
    (
        ("unknown", "ValueError", "failed: code=invalid_schema"),
        ("unknown", "ValueError", "failed: code=invalid_layout"),
    ),
    (
        ("unknown", "ValueError", '{"error": {"code": "invalid_schema", "id": 1}}'),
        ("unknown", "ValueError", '{"error": {"code": "model_not_found", "id": 1}}'),
    ),
    (
        ("unknown", "ValueError", "{'error': {'code': 'invalid_schema', 'message': 'x'}}"),
        ("unknown", "ValueError", "{'error': {'code': 'model_not_found', 'message': 'x'}}"),
    ),
    (
        ("unknown", "ValueError", '{"type": "invalid_request_error", "id": "a"}'),
        ("unknown", "ValueError", '{"type": "authentication_error", "id": "a"}'),
    ),
    (
        ("unknown", "ValueError", "RollupError: UNRESOLVED_IMPORT"),
        ("unknown", "ValueError", "RollupError: PARSE_ERROR"),
    ),
    (
        ("unknown", "ValueError", "Error [ERR_MODULE_NOT_FOUND]: x"),
        ("unknown", "ValueError", "Error [ERR_REQUIRE_ESM]: x"),
    ),
    (
        ("unknown", "ValueError", "net::ERR_CONNECTION_REFUSED"),
        ("unknown", "ValueError", "net::ERR_CERT_DATE_INVALID"),
    ),
    (
        ("unknown", "ValueError", "E0001 in generated page"),
        ("unknown", "ValueError", "E0602 in generated page"),
    ),
    (
        ("unknown", "ValueError", "AADSTS700016: problem"),
        ("unknown", "ValueError", "AADSTS50034: problem"),
    ),
    (
        ("unknown", "ValueError", "error CS0103: problem"),
        ("unknown", "ValueError", "error CS0246: problem"),
    ),
    (
        ("unknown", "ValueError", "error[E0382]: problem"),
        ("unknown", "ValueError", "error[E0502]: problem"),
    ),
    (
        ("unknown", "ValueError", 'violates unique constraint "users_email_key"'),
        ("unknown", "ValueError", 'violates foreign key constraint "users_email_key"'),
    ),
    (
        ("unknown", "ValueError", "[SSL: CERTIFICATE_VERIFY_FAILED] problem (_ssl.c:1000)"),
        ("unknown", "ValueError", "[SSL: WRONG_VERSION_NUMBER] problem (_ssl.c:1000)"),
    ),
    (
        ("unknown", "ValueError", "[Errno -2] Name or service not known"),
        ("unknown", "ValueError", "[Errno -3] Temporary failure in name resolution"),
    ),
    (
        ("unknown", "ValueError", "[vue/compiler-sfc] Unexpected token (3:4)"),
        ("unknown", "ValueError", "[vue/compiler-dom] Unexpected token (3:4)"),
    ),
    (
        ("unknown", "ValueError", "(fields.E300) problem"),
        ("unknown", "ValueError", "(fields.E304) problem"),
    ),
    (
        ("unknown", "ValueError", "Error code: 404 - page is gone"),
        ("unknown", "ValueError", "Error code: 410 - page is gone"),
    ),
    (
        ("unknown", "ValueError", "HTTP 403 from the asset service"),
        ("unknown", "ValueError", "HTTP 404 from the asset service"),
    ),
    (
        ("unknown", "ValueError", "status_code=500 while saving"),
        ("unknown", "ValueError", "status_code=503 while saving"),
    ),
    (
        ("unknown", "ValueError", "server answered 502 Bad Gateway"),
        ("unknown", "ValueError", "server answered 504 Gateway Timeout"),
    ),
    (
        ("unknown", "ValueError", "404 Client Error: Not Found for url: https://a.example/x/1"),
        ("unknown", "ValueError", "403 Client Error: Forbidden for url: https://a.example/x/1"),
    ),
    (
        ("unknown", "ValueError", "HTTP/1.1 413 Payload"),
        ("unknown", "ValueError", "HTTP/1.1 415 Payload"),
    ),
    (
        ("unknown", "ValueError", "Unexpected response: status 401"),
        ("unknown", "ValueError", "Unexpected response: status 422"),
    ),
    (
        ("unknown", "ValueError", "Client error '400 Bad Request' for url 'https://a/x'"),
        ("unknown", "ValueError", "Client error '409 Conflict' for url 'https://a/x'"),
    ),
    (
        ("unknown", "ValueError", "Received HTTP status code 500 from upload"),
        ("unknown", "ValueError", "Received HTTP status code 507 from upload"),
    ),
    (
        ("unknown", "ValueError", "request failed with status: 429"),
        ("unknown", "ValueError", "request failed with status: 400"),
    ),
    (
        ("unknown", "ValueError", "GET https://a.example/x/1 → 404"),
        ("unknown", "ValueError", "GET https://a.example/x/1 → 500"),
    ),
    (
        ("unknown", "ValueError", "upload returned 413"),
        ("unknown", "ValueError", "upload returned 500"),
    ),
    (
        ("unknown", "ValueError", '{"status": 404, "id": 7}'),
        ("unknown", "ValueError", '{"status": 500, "id": 7}'),
    ),
    (
        ("unknown", "ValueError", '{"statusCode": 404, "id": 7}'),
        ("unknown", "ValueError", '{"statusCode": 500, "id": 7}'),
    ),
    (
        ("unknown", "ValueError", "GET https://a.example/x failed"),
        ("unknown", "ValueError", "POST https://a.example/x failed"),
    ),
    (
        ("unknown", "ValueError", "405 Method Not Allowed: PUT"),
        ("unknown", "ValueError", "405 Method Not Allowed: DELETE"),
    ),
    (
        (
            "unknown",
            "ValueError",
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (
            "unknown",
            "ValueError",
            "'ascii' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
    ),
    (
        ("unknown", "ValueError", "Encoding: utf-8 expected"),
        ("unknown", "ValueError", "Encoding: utf-16 expected"),
    ),
    (
        ("unknown", "ValueError", "cannot convert from cp1252"),
        ("unknown", "ValueError", "cannot convert from cp437"),
    ),
    (
        ("unknown", "ValueError", "iso-8859-1 page served"),
        ("unknown", "ValueError", "iso-8859-15 page served"),
    ),
    (
        ("unknown", "ValueError", "'latin-1' codec can't encode character '\\u4e2d' in position 0"),
        ("unknown", "ValueError", "'charmap' codec can't encode character '\\u4e2d' in position 0"),
    ),
    (("unknown", "ValueError", "reading UTF-16LE"), ("unknown", "ValueError", "reading UTF-16BE")),
    (
        ("unknown", "ValueError", "decode as Shift_JIS failed"),
        ("unknown", "ValueError", "decode as EUC-JP failed"),
    ),
    (
        ("unknown", "ValueError", "decode as gb2312 failed"),
        ("unknown", "ValueError", "decode as gb18030 failed"),
    ),
    (
        (
            "unknown",
            "ValueError",
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (
            "unknown",
            "ValueError",
            "'utf-8' codec can't decode byte 0xe2 in position 9: unexpected end of data",
        ),
    ),
    (
        ("unknown", "ValueError", "sha1 checksum does not match"),
        ("unknown", "ValueError", "md5 checksum does not match"),
    ),
    (
        ("unknown", "ValueError", "sha256 of the bundle differs"),
        ("unknown", "ValueError", "sha512 of the bundle differs"),
    ),
    (("unknown", "ValueError", "no IPv4 address"), ("unknown", "ValueError", "no IPv6 address")),
    (
        ("unknown", "ValueError", "HTTP/2 stream broke"),
        ("unknown", "ValueError", "HTTP/3 stream broke"),
    ),
    (
        ("unknown", "ValueError", "base64 input broken"),
        ("unknown", "ValueError", "base32 input broken"),
    ),
    (
        ("unknown", "ValueError", "value overflows int32"),
        ("unknown", "ValueError", "value overflows int64"),
    ),
    (
        ("unknown", "ValueError", "float16 not supported"),
        ("unknown", "ValueError", "float32 not supported"),
    ),
    (
        ("unknown", "ValueError", "target ES5 lacks arrow functions"),
        ("unknown", "ValueError", "target ES2015 lacks arrow functions"),
    ),
    (
        ("unknown", "ValueError", "heading h1 is missing"),
        ("unknown", "ValueError", "heading h2 is missing"),
    ),
    (
        ("unknown", "ValueError", "syntax of python2 in page"),
        ("unknown", "ValueError", "syntax of python3 in page"),
    ),
    (
        ("unknown", "ValueError", "S3 refused the page"),
        ("unknown", "ValueError", "EC2 refused the page"),
    ),
    (
        ("unknown", "ValueError", "OAuth1 is required"),
        ("unknown", "ValueError", "OAuth2 is required"),
    ),
    (
        ("unknown", "ValueError", "cannot write /srv/p/1/out.html"),
        ("unknown", "ValueError", "cannot write /srv/p/1/out.css"),
    ),
    (
        ("unknown", "ValueError", "src/App.tsx is not valid"),
        ("unknown", "ValueError", "src/App.json is not valid"),
    ),
    (
        ("unknown", "ValueError", "No loader for './logo.svg'"),
        ("unknown", "ValueError", "No loader for './logo.png'"),
    ),
    (
        ("unknown", "ValueError", "unsupported media type image/webp"),
        ("unknown", "ValueError", "unsupported media type application/pdf"),
    ),
    (
        ("unknown", "ValueError", "unsupported scheme ftp"),
        ("unknown", "ValueError", "unsupported scheme gopher"),
    ),
    (
        ("unknown", "ValueError", "planner failed: KeyError"),
        ("unknown", "ValueError", "planner failed: TypeError"),
    ),
    (
        ("unknown", "ValueError", "Caused by NewConnectionError(x)"),
        ("unknown", "ValueError", "Caused by ConnectTimeoutError(x)"),
    ),
    (
        ("unknown", "ValueError", "worker raised asyncio.TimeoutError"),
        ("unknown", "ValueError", "worker raised asyncio.CancelledError"),
    ),
    (
        ("unknown", "ValueError", "(sqlite3.IntegrityError) failed"),
        ("unknown", "ValueError", "(sqlite3.OperationalError) failed"),
    ),
    (
        ("unknown", "ValueError", "ReferenceError in generated page"),
        ("unknown", "ValueError", "RangeError in generated page"),
    ),
    (
        ("unknown", "ValueError", "planner failed: 'KeyError'"),
        ("unknown", "ValueError", "planner failed: 'TypeError'"),
    ),
    (
        ("unknown", "ValueError", "planner failed: KeyError('a')"),
        ("unknown", "ValueError", "planner failed: IndexError('a')"),
    ),
    (
        ("unknown", "ValueError", "java.lang.NullPointerException at x"),
        ("unknown", "ValueError", "java.lang.IllegalStateException at x"),
    ),
    (
        ("unknown", "ValueError", "page 3 is broken"),
        ("unknown", "RuntimeError", "page 3 is broken"),
    ),
    (("unknown", "app.PlanError", ""), ("unknown", "app.CodeError", "")),
    (("validation_error", "ValueError", "x failed"), ("syntax_error", "ValueError", "x failed")),
    (
        ("unknown", "ValueError", "Cannot read properties of undefined"),
        ("unknown", "ValueError", "Cannot read properties of null"),
    ),
    (
        ("unknown", "ValueError", "foo is not defined"),
        ("unknown", "ValueError", "foo is not a function"),
    ),
    (
        ("unknown", "ValueError", "Expecting value: line 1 column 1 (char 0)"),
        ("unknown", "ValueError", "Extra data: line 1 column 1 (char 0)"),
    ),
    (
        ("unknown", "ValueError", "Expecting ',' delimiter: line 1 column 9 (char 8)"),
        ("unknown", "ValueError", "Expecting ':' delimiter: line 1 column 9 (char 8)"),
    ),
    (
        (
            "unknown",
            "ValueError",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("unknown", "ValueError", "Expecting value: line 1 column 2 (char 1)"),
    ),
    (
        ("unknown", "ValueError", "'(' was never closed (a.py, line 3)"),
        ("unknown", "ValueError", "'[' was never closed (a.py, line 3)"),
    ),
    (
        ("unknown", "ValueError", "unexpected indent (a.py, line 3)"),
        (
            "unknown",
            "ValueError",
            "unindent does not match any outer indentation level (a.py, line 3)",
        ),
    ),
    (
        ("unknown", "ValueError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("unknown", "ValueError", "unsupported operand type(s) for -: 'int' and 'str'"),
    ),
    (
        ("unknown", "ValueError", "build() missing 1 required positional argument: 'request'"),
        ("unknown", "ValueError", "plan() missing 1 required positional argument: 'request'"),
    ),
    (
        ("unknown", "ValueError", "build() got an unexpected keyword argument 'x'"),
        ("unknown", "ValueError", "plan() got an unexpected keyword argument 'x'"),
    ),
    (
        ("unknown", "ValueError", "not all arguments converted during string formatting"),
        ("unknown", "ValueError", "not enough arguments for format string"),
    ),
    (
        ("unknown", "ValueError", "list index out of range"),
        ("unknown", "ValueError", "tuple index out of range"),
    ),
    (
        ("unknown", "ValueError", "'NoneType' object is not subscriptable"),
        ("unknown", "ValueError", "'NoneType' object is not iterable"),
    ),
    (("unknown", "ValueError", '{"dog_id": "a1"}'), ("unknown", "ValueError", '{"cat_id": "a1"}')),
    (
        ("unknown", "ValueError", "bad payload {'title': 'a'}"),
        ("unknown", "ValueError", "bad payload {'pages': 'a'}"),
    ),
    (
        ("unknown", "ValueError", "failed user_id=42"),
        ("unknown", "ValueError", "failed order_id=42"),
    ),
    (
        ("unknown", "ValueError", "failed: stage=plan"),
        ("unknown", "ValueError", "failed: reason=plan"),
    ),
    (
        ("unknown", "ValueError", "UNIQUE constraint failed: page.slug"),
        ("unknown", "ValueError", "UNIQUE constraint failed: page.title"),
    ),
    (
        ("unknown", "ValueError", "no such table: pages"),
        ("unknown", "ValueError", "no such table: users"),
    ),
    (
        ("unknown", "ValueError", "no such column: slug"),
        ("unknown", "ValueError", "no such column: title"),
    ),
    (
        ("unknown", "ValueError", 'near "FORM": syntax error'),
        ("unknown", "ValueError", 'near "FORM": unrecognized token'),
    ),
    (("unknown", "ValueError", "expected a list"), ("unknown", "ValueError", "expected a dict")),
    (
        ("unknown", "ValueError", "DATABASE_URL is not set"),
        ("unknown", "ValueError", "OPENAI_API_KEY is not set"),
    ),
    (
        ("unknown", "ValueError", "unknown option --minify"),
        ("unknown", "ValueError", "unknown option --watch"),
    ),
    (
        ("unknown", "ValueError", "Unknown at rule @tailwind"),
        ("unknown", "ValueError", "Unknown at rule @apply"),
    ),
    (
        ("unknown", "ValueError", "No matching distribution found for fastapix"),
        ("unknown", "ValueError", "No matching distribution found for djangoo"),
    ),
    (
        ("unknown", "ValueError", "npm: command not found"),
        ("unknown", "ValueError", "pnpm: command not found"),
    ),
    (
        ("unknown", "ValueError", "not authorized to perform: bedrock:InvokeModel"),
        ("unknown", "ValueError", "not authorized to perform: s3:GetObject"),
    ),
    (
        ("unknown", "ValueError", "build failed\nmissing brace"),
        ("unknown", "ValueError", "build failed\nmissing quote"),
    ),
    (
        (
            "provider_error",
            "ValueError",
            "Error code: 500 - {'error': {'message': 'x', 'type': 'server_error'}}",
        ),
        (
            "provider_error",
            "ValueError",
            "Error code: 503 - {'error': {'message': 'x', 'type': 'server_error'}}",
        ),
    ),
    (
        (
            "provider_error",
            "ValueError",
            "Error code: 400 - {'error': {'message': 'm', 'type': 'invalid_request_error', 'code': 'context_length_exceeded'}}",
        ),
        (
            "provider_error",
            "ValueError",
            "Error code: 400 - {'error': {'message': 'm', 'type': 'invalid_request_error', 'code': 'content_policy_violation'}}",
        ),
    ),
    (
        (
            "provider_error",
            "ValueError",
            "Error code: 401 - {'error': {'code': 'invalid_api_key'}}",
        ),
        (
            "provider_error",
            "ValueError",
            "Error code: 403 - {'error': {'code': 'unsupported_country_region_territory'}}",
        ),
    ),
    (
        (
            "rate_limit",
            "ValueError",
            "Error code: 429 - {'error': {'message': 'Rate limit reached', 'code': 'rate_limit_exceeded'}}",
        ),
        (
            "provider_error",
            "ValueError",
            "Error code: 429 - {'error': {'message': 'You exceeded your current quota', 'type': 'insufficient_quota', 'code': 'insufficient_quota'}}",
        ),
    ),
    (
        ("provider_error", "openai.APIConnectionError", "x"),
        ("provider_error", "openai.InternalServerError", "x"),
    ),
    (
        ("provider_error", "ConnectionError", "[Errno 111] Connection refused"),
        ("provider_error", "ConnectionError", "[Errno -2] Name or service not known"),
    ),
    (
        (
            "provider_error",
            "botocore.exceptions.ClientError",
            "An error occurred (ServiceUnavailableException) when calling the InvokeModel operation: x",
        ),
        (
            "provider_error",
            "botocore.exceptions.ClientError",
            "An error occurred (AccessDeniedException) when calling the InvokeModel operation: x",
        ),
    ),
    (
        (
            "provider_error",
            "ValueError",
            "403 PERMISSION_DENIED. {'error': {'code': 403, 'status': 'PERMISSION_DENIED'}}",
        ),
        (
            "provider_error",
            "ValueError",
            "503 UNAVAILABLE. {'error': {'code': 503, 'status': 'UNAVAILABLE'}}",
        ),
    ),
    (
        ("unknown", "ValueError", "slot 12 is taken"),
        ("unknown", "ValueError", "slot 12 is blocked"),
    ),
    (
        ("unknown", "ValueError", "prompt has 128k tokens"),
        ("unknown", "ValueError", "prompt has 128k images"),
    ),
    (
        ("unknown", "ValueError", "template can be missing"),
        ("unknown", "ValueError", "template cannot be missing"),
    ),
    (
        ("unknown", "ValueError", "offset before the beginning"),
        ("unknown", "ValueError", "offset after the beginning"),
    ),
    (
        ("unknown", "ValueError", "image too wide: 1920"),
        ("unknown", "ValueError", "image too high: 1920"),
    ),
    (("unknown", "ValueError", "no pages"), ("unknown", "ValueError", "no page numbers")),
    (
        ("unknown", "ValueError", "Budget überschritten"),
        ("unknown", "ValueError", "Budget nicht gefunden"),
    ),
    (
        ("unknown", "ValueError", "페이지를 만들 수 없습니다"),
        ("unknown", "ValueError", "페이지를 저장할 수 없습니다"),
    ),
    (("unknown", "ValueError", "第3页没有标题"), ("unknown", "ValueError", "第3页没有内容")),
    (("unknown", "ValueError", "ไม่พบหน้า"), ("unknown", "ValueError", "ไม่พบไฟล์")),
    (("unknown", "ValueError", "فشل إنشاء الصفحة"), ("unknown", "ValueError", "فشل حفظ الصفحة")),
    (("unknown", "ValueError", "הדף לא נמצא"), ("unknown", "ValueError", "הקובץ לא נמצא")),
    (("unknown", "ValueError", "🔥 in build"), ("unknown", "ValueError", "💧 in build")),
    (("unknown", "ValueError", "NavBar is broken"), ("unknown", "ValueError", "SideBar is broken")),
    (
        ("unknown", "ValueError", "Page.render is broken"),
        ("unknown", "ValueError", "Page.save is broken"),
    ),
    (
        ("unknown", "ValueError", "render_hero() failed"),
        ("unknown", "ValueError", "render_footer() failed"),
    ),
    (
        ("unknown", "ValueError", "app.pages.hero failed"),
        ("unknown", "ValueError", "app.pages.footer failed"),
    ),
    (("unknown", "ValueError", "missing --out-dir"), ("unknown", "ValueError", "missing --in-dir")),
    (
        ("unknown", "ValueError", "STRIPE_KEY is empty"),
        ("unknown", "ValueError", "SENDGRID_KEY is empty"),
    ),
    (
        ("unknown", "ValueError", "header X-Request-Id missing"),
        ("unknown", "ValueError", "header X-Api-Version missing"),
    ),
    (
        ("unknown", "ValueError", "unknown property colr"),
        ("unknown", "ValueError", "unknown property widht"),
    ),
    (("unknown", "ValueError", "error TS2339: x"), ("unknown", "ValueError", "error TS2345: x")),
    (("unknown", "ValueError", "TS18046: x"), ("unknown", "ValueError", "TS18047: x")),
    (
        ("unknown", "ValueError", "npm error code EINTEGRITY"),
        ("unknown", "ValueError", "npm error code ECONNRESET"),
    ),
    (
        ("unknown", "ValueError", "npm error code EUSAGE"),
        ("unknown", "ValueError", "npm error code EBADENGINE"),
    ),
    (
        ("unknown", "ValueError", "ERR_PNPM_FETCH_404 x"),
        ("unknown", "ValueError", "ERR_PNPM_FETCH_403 x"),
    ),
    (
        ("unknown", "ValueError", "ERR_PNPM_OUTDATED_LOCKFILE"),
        ("unknown", "ValueError", "ERR_PNPM_PEER_DEP_ISSUES"),
    ),
    (("unknown", "ValueError", "YN0001: problem"), ("unknown", "ValueError", "YN0002: problem")),
    (
        ("unknown", "ValueError", "ERR_UNSUPPORTED_DIR_IMPORT"),
        ("unknown", "ValueError", "ERR_UNKNOWN_FILE_EXTENSION"),
    ),
    (
        ("unknown", "ValueError", "ERR_OSSL_EVP_UNSUPPORTED"),
        ("unknown", "ValueError", "ERR_HTTP2_STREAM_ERROR"),
    ),
    (
        ("unknown", "ValueError", 'Could not resolve "react"'),
        ("unknown", "ValueError", 'Could not resolve "react-dom"'),
    ),
    (
        ("unknown", "ValueError", "ModuleNotFoundError: No module named 'yaml'"),
        ("unknown", "ValueError", "ModuleNotFoundError: No module named 'requests'"),
    ),
    (
        ("unknown", "ValueError", "KeyError: 'title'"),
        ("unknown", "ValueError", "KeyError: 'pages'"),
    ),
    (
        ("unknown", "ValueError", "'Page' object has no attribute 'title'"),
        ("unknown", "ValueError", "'Page' object has no attribute 'slug'"),
    ),
    (
        ("unknown", "ValueError", "'Page' object has no attribute 'title'"),
        ("unknown", "ValueError", "'Site' object has no attribute 'title'"),
    ),
    (
        ("unknown", "ValueError", "name 'page' is not defined"),
        ("unknown", "ValueError", "name 'site' is not defined"),
    ),
    (
        ("unknown", "ValueError", "Property 'title' does not exist on type 'Page'."),
        ("unknown", "ValueError", "Property 'slug' does not exist on type 'Page'."),
    ),
    (
        ("unknown", "ValueError", "'title' is a required property"),
        ("unknown", "ValueError", "'slug' is a required property"),
    ),
    (
        ("unknown", "ValueError", 'column "slug" does not exist'),
        ("unknown", "ValueError", 'column "title" does not exist'),
    ),
    (
        ("unknown", "ValueError", 'relation "page" does not exist'),
        ("unknown", "ValueError", 'relation "site" does not exist'),
    ),
    (
        ("unknown", "ValueError", 'violates check constraint "page_order_check"'),
        ("unknown", "ValueError", 'violates check constraint "page_slug_check"'),
    ),
    (
        ("unknown", "ValueError", "table page has no column named slug"),
        ("unknown", "ValueError", "table page has no column named title"),
    ),
    (
        ("unknown", "ValueError", "no such table: page"),
        ("unknown", "ValueError", "no such table: site"),
    ),
    (
        ("unknown", "ValueError", "got an unexpected keyword argument 'temperature'"),
        ("unknown", "ValueError", "got an unexpected keyword argument 'max_tokens'"),
    ),
    (
        ("unknown", "ValueError", "missing 1 required positional argument: 'plan'"),
        ("unknown", "ValueError", "missing 1 required positional argument: 'page'"),
    ),
    (
        ("unknown", "ValueError", "$.pages[0].title is required"),
        ("unknown", "ValueError", "$.pages[0].slug is required"),
    ),
    (
        ("unknown", "ValueError", "{'title': ['Missing data for required field.']}"),
        ("unknown", "ValueError", "{'slug': ['Missing data for required field.']}"),
    ),
    (
        ("unknown", "ValueError", "{'title': ['Not a valid string.']}"),
        ("unknown", "ValueError", "{'title': ['Not a valid integer.']}"),
    ),
    (
        ("unknown", "ValueError", '{"title": ["This field is required."]}'),
        ("unknown", "ValueError", '{"slug": ["This field is required."]}'),
    ),
    (
        (
            "unknown",
            "ValueError",
            "[{'type': 'missing', 'loc': ('body', 'title'), 'msg': 'Field required'}]",
        ),
        (
            "unknown",
            "ValueError",
            "[{'type': 'missing', 'loc': ('body', 'slug'), 'msg': 'Field required'}]",
        ),
    ),
    (
        (
            "unknown",
            "ValueError",
            "1 validation error for Plan\ntitle\n  String should have at least 3 characters [type=string_too_short, input_value='a', input_type=str]",
        ),
        (
            "unknown",
            "ValueError",
            "1 validation error for Plan\ntitle\n  String should have at most 3 characters [type=string_too_long, input_value='abcd', input_type=str]",
        ),
    ),
    (
        (
            "unknown",
            "ValueError",
            "1 validation error for Plan\ntitle\n  Field required [type=missing, input_value={}, input_type=dict]",
        ),
        (
            "unknown",
            "ValueError",
            "2 validation errors for Plan\ntitle\n  Field required [type=missing, input_value={}, input_type=dict]\nslug\n  Field required [type=missing, input_value={}, input_type=dict]",
        ),
    ),
    (
        ("unknown", "ValueError", "1 is not of type 'string'\n\nOn instance['title']:\n    1"),
        ("unknown", "ValueError", "1 is not of type 'string'\n\nOn instance['slug']:\n    1"),
    ),
    (
        ("unknown", "ValueError", "'abc' is too long"),
        ("unknown", "ValueError", "'abc' does not match '^[0-9]+$'"),
    ),
    (
        ("unknown", "ValueError", "1 is not of type 'string'"),
        ("unknown", "ValueError", "1 is not of type 'array'"),
    ),
    (
        ("unknown", "ValueError", "HTTP 401: no access"),
        ("unknown", "ValueError", "HTTP 403: no access"),
    ),
    (
        ("unknown", "ValueError", "got status 502 from upload"),
        ("unknown", "ValueError", "got status 504 from upload"),
    ),
    (
        ("unknown", "ValueError", "Response status: 404"),
        ("unknown", "ValueError", "Response status: 405"),
    ),
    (
        ("unknown", "ValueError", "fetch failed: 500 Internal Server Error"),
        ("unknown", "ValueError", "fetch failed: 501 Not Implemented"),
    ),
    (
        ("unknown", "ValueError", "upstream returned HTTP/2 503"),
        ("unknown", "ValueError", "upstream returned HTTP/2 500"),
    ),
    (
        ("unknown", "ValueError", "Request failed with status code 400"),
        ("unknown", "ValueError", "Request failed with status code 404"),
    ),
    (
        ("unknown", "ValueError", "error 404 while loading the font"),
        ("unknown", "ValueError", "error 500 while loading the font"),
    ),
    (
        ("unknown", "ValueError", "[500] generation backend failed"),
        ("unknown", "ValueError", "[503] generation backend failed"),
    ),
    (
        ("unknown", "ValueError", "(404) no such asset"),
        ("unknown", "ValueError", "(410) no such asset"),
    ),
    (
        ("unknown", "ValueError", "responseCode: 404"),
        ("unknown", "ValueError", "responseCode: 500"),
    ),
    (
        ("unknown", "ValueError", "code=404 in asset"),
        ("unknown", "ValueError", "code=500 in asset"),
    ),
    (
        ("unknown", "ValueError", "WebSocket closed with code 1006"),
        ("unknown", "ValueError", "WebSocket closed with code 1011"),
    ),
    (("unknown", "ValueError", "exit status 2"), ("unknown", "ValueError", "exit status 3")),
    (
        ("unknown", "ValueError", "process exited with code 139"),
        ("unknown", "ValueError", "process exited with code 134"),
    ),
    (("unknown", "ValueError", "returncode=-9"), ("unknown", "ValueError", "returncode=-11")),
    (
        ("unknown", "ValueError", "[Errno 28] No space left on device"),
        ("unknown", "ValueError", "[Errno 122] Disk quota exceeded"),
    ),
    (
        ("unknown", "ValueError", "EMFILE: too many open files"),
        ("unknown", "ValueError", "ENFILE: too many open files"),
    ),
    (("unknown", "ValueError", "OSError: EROFS"), ("unknown", "ValueError", "OSError: ENOSPC")),
    (
        ("unknown", "ValueError", "ERROR: deadlock detected (SQLSTATE 40P01)"),
        ("unknown", "ValueError", "ERROR: serialization failure (SQLSTATE 40001)"),
    ),
    (
        ("unknown", "ValueError", "(SQLSTATE 42P01) x"),
        ("unknown", "ValueError", "(SQLSTATE 42703) x"),
    ),
    (
        ("unknown", "ValueError", "code: 14, details: x"),
        ("unknown", "ValueError", "code: 4, details: x"),
    ),
    (
        ("unknown", "ValueError", '(1205, "Lock wait timeout exceeded")'),
        ("unknown", "ValueError", '(1213, "Deadlock found")'),
    ),
    (
        ("unknown", "ValueError", "READONLY You can't write"),
        ("unknown", "ValueError", "LOADING Redis is loading"),
    ),
    (
        ("unknown", "ValueError", "unknown codec utf8mb3"),
        ("unknown", "ValueError", "unknown codec utf8mb4"),
    ),
    (
        ("unknown", "ValueError", "invalid UTF-8 sequence at 3"),
        ("unknown", "ValueError", "invalid UTF-16 sequence at 3"),
    ),
    (
        (
            "unknown",
            "ValueError",
            "'cp1252' codec can't decode byte 0x81 in position 3: character maps to <undefined>",
        ),
        (
            "unknown",
            "ValueError",
            "'cp1250' codec can't decode byte 0x81 in position 3: character maps to <undefined>",
        ),
    ),
    (
        ("unknown", "ValueError", "charset=iso-8859-1 refused"),
        ("unknown", "ValueError", "charset=windows-1252 refused"),
    ),
    (
        ("unknown", "ValueError", "Content-Encoding gzip broken"),
        ("unknown", "ValueError", "Content-Encoding br broken"),
    ),
    (
        ("unknown", "ValueError", "unsupported type text/html"),
        ("unknown", "ValueError", "unsupported type text/css"),
    ),
    (
        ("unknown", "ValueError", "expected application/json, page served"),
        ("unknown", "ValueError", "expected application/xml, page served"),
    ),
    (
        ("unknown", "ValueError", "no loader for /srv/p/a.scss"),
        ("unknown", "ValueError", "no loader for /srv/p/a.less"),
    ),
    (
        ("unknown", "ValueError", "cannot parse 'plan.yaml'"),
        ("unknown", "ValueError", "cannot parse 'plan.toml'"),
    ),
    (
        ("unknown", "ValueError", "cannot parse /srv/p/1/package.json"),
        ("unknown", "ValueError", "cannot parse /srv/p/1/tsconfig.json"),
    ),
    (
        ("unknown", "ValueError", "TLSv1.2 handshake failed"),
        ("unknown", "ValueError", "TLSv1.3 handshake failed"),
    ),
    (
        ("unknown", "ValueError", "unknown digest sha3-256"),
        ("unknown", "ValueError", "unknown digest sha3-512"),
    ),
    (
        ("unknown", "ValueError", "python3.11 is not installed"),
        ("unknown", "ValueError", "node is not installed"),
    ),
    (
        ("unknown", "ValueError", "cannot cast to uint8"),
        ("unknown", "ValueError", "cannot cast to uint16"),
    ),
    (("unknown", "ValueError", "value is in km"), ("unknown", "ValueError", "value is in mi")),
    (("unknown", "ValueError", "expected true"), ("unknown", "ValueError", "expected false")),
    (
        ("unknown", "ValueError", "got null for title"),
        ("unknown", "ValueError", "got undefined for title"),
    ),
    (
        ("unknown", "ValueError", "bad operand type for unary -: 'str'"),
        ("unknown", "ValueError", "bad operand type for unary +: 'str'"),
    ),
    (
        ("unknown", "ValueError", "Unexpected token '}'"),
        ("unknown", "ValueError", "Unexpected token ')'"),
    ),
    (
        ("unknown", "ValueError", "Expected ';' but found 'x'"),
        ("unknown", "ValueError", "Expected '}' but found 'x'"),
    ),
    (
        ("unknown", "ValueError", "Unclosed element 'div'"),
        ("unknown", "ValueError", "Unclosed element 'span'"),
    ),
    (
        ("unknown", "ValueError", "Unexpected end of JSON input"),
        ("unknown", "ValueError", "Unexpected non-whitespace character after JSON at position 3"),
    ),
    (
        ("unknown", "ValueError", "Invalid control character at: line 1 column 3 (char 2)"),
        ("unknown", "ValueError", "Invalid \\escape: line 1 column 3 (char 2)"),
    ),
    (
        ("unknown", "ValueError", "invalid syntax (<unknown>, line 3)"),
        ("unknown", "ValueError", "invalid decimal literal (<unknown>, line 3)"),
    ),
    (
        ("unknown", "ValueError", "RetryError[<Future at 0x7f3c state=finished raised KeyError>]"),
        ("unknown", "ValueError", "RetryError[<Future at 0x7f3c state=finished raised TypeError>]"),
    ),
    (
        ("unknown", "ValueError", "Uncaught TypeError: x"),
        ("unknown", "ValueError", "Uncaught SyntaxError: x"),
    ),
    (
        ("unknown", "ValueError", "Caused by: java.io.IOException: x"),
        ("unknown", "ValueError", "Caused by: java.sql.SQLException: x"),
    ),
    (
        ("unknown", "ValueError", "Command '['npm', 'ci']' returned non-zero exit status 1."),
        ("unknown", "ValueError", "Command '['tsc', '--noEmit']' returned non-zero exit status 1."),
    ),
    (
        ("unknown", "ValueError", "Command '['npm', 'ci']' returned non-zero exit status 1."),
        (
            "unknown",
            "ValueError",
            "Command '['npm', 'run', 'build']' returned non-zero exit status 1.",
        ),
    ),
    (
        ("unknown", "ValueError", "Command '['npm', 'ci']' returned non-zero exit status 1."),
        ("unknown", "ValueError", "Command '['npm', 'ci']' timed out after 3 seconds"),
    ),
    (
        ("unknown", "ValueError", "Command '['npm', 'ci']' died with <Signals.SIGKILL: 9>."),
        ("unknown", "ValueError", "Command '['npm', 'ci']' died with <Signals.SIGSEGV: 11>."),
    ),
    (
        ("unknown", "ValueError", "Unexpected token\n  3 | let a\n    |     ^"),
        ("unknown", "ValueError", "Unterminated string\n  3 | let a\n    |     ^"),
    ),
    (
        ("unknown", "ValueError", "  3 | let a\n    |     ^\nmissing brace"),
        ("unknown", "ValueError", "  3 | let a\n    |     ^\nmissing paren"),
    ),
    (
        ("unknown", "ValueError", "model output: too short"),
        ("unknown", "ValueError", "model output: too long"),
    ),
    (
        ("unknown", "ValueError", "answer: no JSON in it"),
        ("unknown", "ValueError", "answer: no files in it"),
    ),
    (
        (
            "rate_limit",
            "ValueError",
            "Error code: 429 - {'error': {'code': 'rate_limit_exceeded', 'message': 'tokens per min'}}",
        ),
        (
            "rate_limit",
            "ValueError",
            "Error code: 429 - {'error': {'code': 'tokens_exhausted', 'message': 'tokens per min'}}",
        ),
    ),
    (
        ("provider_error", "ConnectionError", "Connection refused"),
        ("provider_error", "ConnectionError", "Connection reset by peer"),
    ),
    (
        (
            "provider_error",
            "SSLError",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired",
        ),
        (
            "provider_error",
            "SSLError",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
        ),
    ),
    (
        (
            "provider_error",
            "ValueError",
            "An error occurred (ModelErrorException) when calling the InvokeModel operation: x",
        ),
        (
            "provider_error",
            "ValueError",
            "An error occurred (ModelNotReadyException) when calling the InvokeModel operation: x",
        ),
    ),
    (("ai_timeout", "ValueError", "connect timeout"), ("ai_timeout", "ValueError", "read timeout")),
    (
        ("provider_error", "ValueError", "Error code: 400 - {'error': {'code': 'content_filter'}}"),
        (
            "provider_error",
            "ValueError",
            "Error code: 400 - {'error': {'code': 'context_length_exceeded'}}",
        ),
    ),
    (
        ("unknown", "ValueError", "plan has no pages"),
        ("unknown", "ValueError", "plan has no sections"),
    ),
    (
        ("unknown", "ValueError", "missing field title"),
        ("unknown", "ValueError", "missing field price"),
    ),
    (
        ("validation_error", "ValueError", "Field 'title' is required"),
        ("validation_error", "ValueError", "Field 'price' is required"),
    ),
    (
        ("validation_error", "ValueError", 'missing required property "name"'),
        ("validation_error", "ValueError", 'missing required property "slug"'),
    ),
    (
        ("validation_error", "ValueError", "'title' is a required property"),
        ("validation_error", "ValueError", "'slug' is a required property"),
    ),
    (
        ("unknown", "ValueError", "KeyError: 'pages'"),
        ("unknown", "ValueError", "KeyError: 'sections'"),
    ),
    (
        ("unknown", "ValueError", "Additional property 'foo' is not allowed: color"),
        ("unknown", "ValueError", "Additional property 'foo' is not allowed: size"),
    ),
    (
        (
            "validation_error",
            "ValueError",
            "1 validation error for Plan\ntitle\n  Field required [type=missing]",
        ),
        (
            "validation_error",
            "ValueError",
            "1 validation error for Plan\nprice\n  Field required [type=missing]",
        ),
    ),
    (
        (
            "validation_error",
            "ValueError",
            "1 validation error for Plan\ntitle\n  Field required [type=missing]",
        ),
        (
            "validation_error",
            "ValueError",
            "1 validation error for Plan\ntitle\n  Input should be a valid string [type=string_type]",
        ),
    ),
    (
        ("validation_error", "ValueError", "1 validation error for Plan\ntitle\n  Field required"),
        ("validation_error", "ValueError", "1 validation error for Site\ntitle\n  Field required"),
    ),
    (
        ("dependency_error", "ValueError", "No module named 'flask'"),
        ("dependency_error", "ValueError", "No module named 'django'"),
    ),
    (
        ("dependency_error", "ValueError", "Cannot find module 'react-dom'"),
        ("dependency_error", "ValueError", "Cannot find module 'vue'"),
    ),
    (
        ("dependency_error", "ValueError", "Cannot find package 'zod' imported from /a/b.js"),
        ("dependency_error", "ValueError", "Cannot find package 'ajv' imported from /a/b.js"),
    ),
    (
        ("dependency_error", "ValueError", "npm error 404 Not Found - left-pad2"),
        ("dependency_error", "ValueError", "npm error 404 Not Found - right-pad"),
    ),
    (
        ("dependency_error", "ValueError", "npm error code E404"),
        ("dependency_error", "ValueError", "npm error code E403"),
    ),
    (
        ("dependency_error", "ValueError", "npm error code ERESOLVE"),
        ("dependency_error", "ValueError", "npm error code ETARGET"),
    ),
    (
        ("dependency_error", "ValueError", 'Could not resolve "framer-motion"'),
        ("dependency_error", "ValueError", 'Could not resolve "lodash-es"'),
    ),
    (
        (
            "dependency_error",
            "ValueError",
            "Could not find a version that satisfies the requirement fastapi2",
        ),
        (
            "dependency_error",
            "ValueError",
            "Could not find a version that satisfies the requirement djangoo",
        ),
    ),
    (
        ("dependency_error", "ValueError", "cannot import name 'Foo' from 'app'"),
        ("dependency_error", "ValueError", "cannot import name 'Bar' from 'app'"),
    ),
    (
        ("unknown", "ValueError", "module 'app' has no attribute 'run'"),
        ("unknown", "ValueError", "module 'app' has no attribute 'main'"),
    ),
    (
        ("unknown", "ValueError", "'Page' object has no attribute 'title'"),
        ("unknown", "ValueError", "'Page' object has no attribute 'slug'"),
    ),
    (
        ("unknown", "ValueError", "'Page' object has no attribute 'title'"),
        ("unknown", "ValueError", "'Site' object has no attribute 'title'"),
    ),
    (
        ("unknown", "ValueError", "name 'foo' is not defined"),
        ("unknown", "ValueError", "name 'bar' is not defined"),
    ),
    (
        ("unknown", "ValueError", "foo is not defined"),
        ("unknown", "ValueError", "bar is not defined"),
    ),
    (
        ("unknown", "ValueError", "render() missing 1 required positional argument: 'page'"),
        ("unknown", "ValueError", "render() missing 1 required positional argument: 'site'"),
    ),
    (
        ("unknown", "ValueError", "render() missing 1 required positional argument: 'page'"),
        ("unknown", "ValueError", "build() missing 1 required positional argument: 'page'"),
    ),
    (
        ("unknown", "ValueError", "render() got an unexpected keyword argument 'color'"),
        ("unknown", "ValueError", "render() got an unexpected keyword argument 'size'"),
    ),
    (
        ("unknown", "ValueError", "Cannot read properties of undefined (reading 'map')"),
        ("unknown", "ValueError", "Cannot read properties of undefined (reading 'length')"),
    ),
    (
        ("unknown", "ValueError", "Cannot read properties of undefined (reading 'map')"),
        ("unknown", "ValueError", "Cannot read properties of null (reading 'map')"),
    ),
    (
        ("validation_error", "ValueError", "TS2307: x"),
        ("validation_error", "ValueError", "TS2322: x"),
    ),
    (
        ("syntax_error", "ValueError", "error TS1005: ';' expected."),
        ("syntax_error", "ValueError", "error TS1005: '}' expected."),
    ),
    (
        ("validation_error", "ValueError", "Property 'title' does not exist on type 'Props'"),
        ("validation_error", "ValueError", "Property 'price' does not exist on type 'Props'"),
    ),
    (
        ("syntax_error", "ValueError", "Unexpected token '<'"),
        ("syntax_error", "ValueError", "Unexpected token '}'"),
    ),
    (
        ("syntax_error", "ValueError", "'(' was never closed"),
        ("syntax_error", "ValueError", "'[' was never closed"),
    ),
    (
        ("syntax_error", "ValueError", "expected ':'"),
        ("syntax_error", "ValueError", "expected ','"),
    ),
    (
        ("syntax_error", "ValueError", "Expecting ',' delimiter: line 1 column 2 (char 1)"),
        ("syntax_error", "ValueError", "Expecting ':' delimiter: line 1 column 2 (char 1)"),
    ),
    (
        ("syntax_error", "ValueError", "Unterminated string"),
        ("syntax_error", "ValueError", "Unterminated template"),
    ),
    (
        ("syntax_error", "ValueError", "unexpected closing tag </div>"),
        ("syntax_error", "ValueError", "unexpected closing tag </span>"),
    ),
    (
        ("unknown", "ValueError", "HTTP 404 from preview"),
        ("unknown", "ValueError", "HTTP 500 from preview"),
    ),
    (("unknown", "ValueError", "status code 403"), ("unknown", "ValueError", "status code 409")),
    (
        ("unknown", "ValueError", "responded with 502"),
        ("unknown", "ValueError", "responded with 503"),
    ),
    (
        ("unknown", "ValueError", "got 401 Unauthorized"),
        ("unknown", "ValueError", "got 403 Forbidden"),
    ),
    (("unknown", "ValueError", "status=422"), ("unknown", "ValueError", "status=413")),
    (
        ("unknown", "ValueError", "Error code: 400 - bad"),
        ("unknown", "ValueError", "Error code: 422 - bad"),
    ),
    (("unknown", "ValueError", "[Errno 2] x"), ("unknown", "ValueError", "[Errno 13] x")),
    (("unknown", "ValueError", "[WinError 5] x"), ("unknown", "ValueError", "[WinError 32] x")),
    (("unknown", "ValueError", "errno: 28"), ("unknown", "ValueError", "errno: 13")),
    (("unknown", "ValueError", "exit status 1"), ("unknown", "ValueError", "exit status 137")),
    (
        ("unknown", "ValueError", "exited with code 1"),
        ("unknown", "ValueError", "exited with code 127"),
    ),
    (
        ("unknown", "ValueError", "died with <Signals.SIGKILL: 9>"),
        ("unknown", "ValueError", "died with <Signals.SIGSEGV: 11>"),
    ),
    (("unknown", "ValueError", "ORA-00942: x"), ("unknown", "ValueError", "ORA-01017: x")),
    (("unknown", "ValueError", "SQLSTATE[42P01]"), ("unknown", "ValueError", "SQLSTATE[23505]")),
    (
        ("unknown", "ValueError", "(psycopg.errors.UniqueViolation) x"),
        ("unknown", "ValueError", "(psycopg.errors.NotNullViolation) x"),
    ),
    (
        ("unknown", "ValueError", "no such table: pages"),
        ("unknown", "ValueError", "no such table: sites"),
    ),
    (
        ("unknown", "ValueError", "no such column: slug"),
        ("unknown", "ValueError", "no such column: title"),
    ),
    (
        ("unknown", "ValueError", "UNIQUE constraint failed: pages.slug"),
        ("unknown", "ValueError", "UNIQUE constraint failed: pages.title"),
    ),
    (
        ("unknown", "ValueError", 'relation "pages" does not exist'),
        ("unknown", "ValueError", 'relation "sites" does not exist'),
    ),
    (
        ("unknown", "ValueError", 'null value in column "slug"'),
        ("unknown", "ValueError", 'null value in column "title"'),
    ),
    (
        ("unknown", "ValueError", "'utf-8' codec can't decode byte 0xff"),
        ("unknown", "ValueError", "'ascii' codec can't decode byte 0xff"),
    ),
    (
        ("unknown", "ValueError", "unknown encoding: utf8-x"),
        ("unknown", "ValueError", "unknown encoding: latin-z"),
    ),
    (
        ("unknown", "ValueError", "charset iso-8859-1 refused"),
        ("unknown", "ValueError", "charset windows-1252 refused"),
    ),
    (
        ("unknown", "ValueError", "cannot write /a/page.html"),
        ("unknown", "ValueError", "cannot write /a/page.css"),
    ),
    (
        ("unknown", "ValueError", "cannot parse App.tsx"),
        ("unknown", "ValueError", "cannot parse App.py"),
    ),
    (
        ("unknown", "ValueError", "image a.png is broken"),
        ("unknown", "ValueError", "image a.svg is broken"),
    ),
    (
        ("unknown", "ValueError", "[SSL: CERTIFICATE_VERIFY_FAILED] x"),
        ("unknown", "ValueError", "[SSL: WRONG_VERSION_NUMBER] x"),
    ),
    (
        ("unknown", "ValueError", "ERR_MODULE_NOT_FOUND x"),
        ("unknown", "ValueError", "ERR_PACKAGE_PATH_NOT_EXPORTED x"),
    ),
    (("unknown", "ValueError", "E: ENOENT"), ("unknown", "ValueError", "E: EACCES")),
    (("unknown", "ValueError", "error[E0382]: x"), ("unknown", "ValueError", "error[E0499]: x")),
    (("unknown", "ValueError", "B008 found"), ("unknown", "ValueError", "E501 found")),
    (("unknown", "ValueError", "no-unused-vars"), ("unknown", "ValueError", "no-undef")),
    (
        ("unknown", "ValueError", "rule react/jsx-key violated"),
        ("unknown", "ValueError", "rule react/no-danger violated"),
    ),
    (("unknown", "ValueError", "CS0103: x"), ("unknown", "ValueError", "CS0246: x")),
    (
        ("unknown", "ValueError", "RuntimeError: boom in plan"),
        ("unknown", "ValueError", "RuntimeError: boom in code"),
    ),
    (
        ("unknown", "ValueError", "phase plan failed"),
        ("unknown", "ValueError", "phase code failed"),
    ),
    (("unknown", "ValueError", "step chat failed"), ("unknown", "ValueError", "step embed failed")),
    (
        ("unknown", "ValueError", "could not save the page"),
        ("unknown", "ValueError", "could not load the page"),
    ),
    (("unknown", "ValueError", "user is unknown"), ("unknown", "ValueError", "user is blocked")),
    (
        ("unknown", "ValueError", "template not found"),
        ("unknown", "ValueError", "template is locked"),
    ),
    (("unknown", "ValueError", "too many pages"), ("unknown", "ValueError", "too few pages")),
    (
        ("unknown", "ValueError", "value is too large: 5"),
        ("unknown", "ValueError", "value is too small: 5"),
    ),
    (
        ("unknown", "ValueError", "expected int, got str"),
        ("unknown", "ValueError", "expected int, got list"),
    ),
    (
        ("unknown", "ValueError", "expected str, got NoneType"),
        ("unknown", "ValueError", "expected dict, got NoneType"),
    ),
    (
        ("validation_error", "ValueError", "Input should be a valid integer"),
        ("validation_error", "ValueError", "Input should be a valid boolean"),
    ),
    (
        ("unknown", "ValueError", "got None for title"),
        ("unknown", "ValueError", "got None for body"),
    ),
    (("unknown", "ValueError", "title is empty"), ("unknown", "ValueError", "title is null")),
    (
        ("unknown", "ValueError", "true is not allowed"),
        ("unknown", "ValueError", "null is not allowed"),
    ),
    (
        ("unknown", "ValueError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("unknown", "ValueError", "unsupported operand type(s) for +: 'int' and 'list'"),
    ),
    (
        ("unknown", "ValueError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("unknown", "ValueError", "unsupported operand type(s) for -: 'int' and 'str'"),
    ),
    (
        ("unknown", "ValueError", "'int' object is not callable"),
        ("unknown", "ValueError", "'int' object is not iterable"),
    ),
    (
        ("unknown", "ValueError", "Object of type Page is not JSON serializable"),
        ("unknown", "ValueError", "Object of type Site is not JSON serializable"),
    ),
    (("unknown", "ValueError", "x"), ("unknown", "TypeError", "x")),
    (("validation_error", "ValueError", "x"), ("syntax_error", "ValueError", "x")),
    (
        ("unknown", "ValueError", "list index out of range"),
        ("unknown", "ValueError", "string index out of range"),
    ),
    (
        ("dependency_error", "ValueError", "command not found: pnpm"),
        ("dependency_error", "ValueError", "command not found: yarn"),
    ),
    (
        ("dependency_error", "ValueError", "pnpm: not found"),
        ("dependency_error", "ValueError", "tsc: not found"),
    ),
    (
        ("unknown", "ValueError", "tool search_web raised"),
        ("unknown", "ValueError", "tool read_file raised"),
    ),
    (
        ("unknown", "ValueError", "unknown tool: search"),
        ("unknown", "ValueError", "unknown tool: browse"),
    ),
    (
        ("unknown", "ValueError", "model gpt-4o not found"),
        ("unknown", "ValueError", "model claude-3 not found"),
    ),
    (
        ("unknown", "ValueError", "env OPENAI_API_KEY unset"),
        ("unknown", "ValueError", "env STRIPE_KEY unset"),
    ),
    (
        ("unknown", "ValueError", "header Authorization missing"),
        ("unknown", "ValueError", "header Content-Type missing"),
    ),
    (
        ("unknown", "ValueError", "--outDir is required"),
        ("unknown", "ValueError", "--srcDir is required"),
    ),
    (
        ("unknown", "ValueError", "config key app.theme missing"),
        ("unknown", "ValueError", "config key app.font missing"),
    ),
    (("unknown", "ValueError", "GET refused"), ("unknown", "ValueError", "POST refused")),
    (
        ("unknown", "ValueError", "invalid prop `onClick` supplied"),
        ("unknown", "ValueError", "invalid prop `href` supplied"),
    ),
    (
        ("unknown", "ValueError", "Unknown word color"),
        ("unknown", "ValueError", "Unknown word colr"),
    ),
    (
        ("unknown", "ValueError", "Undefined variable: $primary"),
        ("unknown", "ValueError", "Undefined variable: $accent"),
    ),
    (
        ("unknown", "ValueError", "'title' is undefined"),
        ("unknown", "ValueError", "'price' is undefined"),
    ),
    (
        ("unknown", "ValueError", "No filter named 'slugify'"),
        ("unknown", "ValueError", "No filter named 'titlecase'"),
    ),
    (
        ("unknown", "ValueError", "Encountered unknown tag 'endfr'"),
        ("unknown", "ValueError", "Encountered unknown tag 'blok'"),
    ),
    (
        ("unknown", "ValueError", "error: failed to push some refs"),
        ("unknown", "ValueError", "error: failed to fetch some refs"),
    ),
    (
        ("unknown", "ValueError", "Zeile 3: Titel fehlt"),
        ("unknown", "ValueError", "Zeile 3: Preis fehlt"),
    ),
    (("unknown", "ValueError", "缺少标题"), ("unknown", "ValueError", "缺少价格")),
    (("unknown", "ValueError", "Заголовок пуст"), ("unknown", "ValueError", "Цена пуста")),
    (("unknown", "ValueError", "title manquant"), ("unknown", "ValueError", "prix manquant")),
    (
        ("unknown", "ValueError", "Task timed out in plan"),
        ("unknown", "ValueError", "Task was cancelled in plan"),
    ),
    (
        ("unknown", "ValueError", "the answer has no html block"),
        ("unknown", "ValueError", "the answer has no json block"),
    ),
    (("unknown", "ValueError", "unclosed <div>"), ("unknown", "ValueError", "unclosed <section>")),
    (
        ("unknown", "ValueError", "Hero.tsx has no default export"),
        ("unknown", "ValueError", "Hero.tsx has no named export"),
    ),
    (
        ("unknown", "ValueError", "hook useState called conditionally"),
        ("unknown", "ValueError", "hook useEffect called conditionally"),
    ),
    (
        ("unknown", "ValueError", "import cycle via app.pages"),
        ("unknown", "ValueError", "import cycle via app.sites"),
    ),
    (
        ("unknown", "ValueError", "migrations pending"),
        ("unknown", "ValueError", "migrations missing"),
    ),
    (("unknown", "ValueError", "queue full"), ("unknown", "ValueError", "queue closed")),
    (
        ("validation_error", "ValueError", "pages.0.title: field required"),
        ("validation_error", "ValueError", "pages.0.slug: field required"),
    ),
    (
        ("validation_error", "ValueError", "$.title must be string"),
        ("validation_error", "ValueError", "$.slug must be string"),
    ),
    (
        ("validation_error", "ValueError", "/title must be string"),
        ("validation_error", "ValueError", "/slug must be string"),
    ),
    (
        ("validation_error", "ValueError", "title: must be string"),
        ("validation_error", "ValueError", "title: must be number"),
    ),
    (
        ("validation_error", "ValueError", "plan.title is required"),
        ("validation_error", "ValueError", "plan.price is required"),
    ),
    (
        ("unknown", "ValueError", "(title) is required"),
        ("unknown", "ValueError", "(price) is required"),
    ),
    (
        ("validation_error", "ValueError", "FAILED tests/test_a.py::test_total - assert"),
        ("validation_error", "ValueError", "FAILED tests/test_a.py::test_tax - assert"),
    ),
    (
        ("validation_error", "ValueError", "✖ renders header"),
        ("validation_error", "ValueError", "✖ renders footer"),
    ),
    (
        ("validation_error", "ValueError", "a.py:1:1: F401 `os` imported but unused"),
        ("validation_error", "ValueError", "a.py:1:1: F821 undefined name `os`"),
    ),
    (
        ("unknown", "ValueError", "error[unresolved-import]"),
        ("unknown", "ValueError", "error[invalid-type]"),
    ),
    (
        ("unknown", "ValueError", "[vue/no-unused-vars]"),
        ("unknown", "ValueError", "[vue/no-mutating-props]"),
    ),
    (
        ("unknown", "ValueError", "@typescript-eslint/no-explicit-any"),
        ("unknown", "ValueError", "@typescript-eslint/no-unused-vars"),
    ),
    (
        ("dependency_error", "ValueError", "Can't resolve 'zod' in '/srv/a'"),
        ("dependency_error", "ValueError", "Can't resolve 'ajv' in '/srv/a'"),
    ),
    (
        ("dependency_error", "ValueError", "Can't resolve '@acme/ui' in '/srv'"),
        ("dependency_error", "ValueError", "Can't resolve '@acme/kit' in '/srv'"),
    ),
    (
        ("dependency_error", "ValueError", 'peer react@"^17" from old-carousel@3.1.0'),
        ("dependency_error", "ValueError", 'peer vue@"^2" from old-slider@1.0.0'),
    ),
    (
        ("dependency_error", "ValueError", "404 Not Found: http://r/left-pad2"),
        (
            "dependency_error",
            "ValueError",
            "404 Not Found: http://r/left-pad2 package left unresolved",
        ),
    ),
    (
        ("dependency_error", "ValueError", "No matching distribution found for flask2"),
        ("dependency_error", "ValueError", "No matching distribution found for djangoo"),
    ),
    (
        ("dependency_error", "ValueError", "package lodash has no version 99"),
        ("dependency_error", "ValueError", "package zod has no version 99"),
    ),
    (
        ("dependency_error", "ValueError", "missing script: build"),
        ("dependency_error", "ValueError", "missing script: test"),
    ),
    (
        ("dependency_error", "ValueError", 'Missing script: "build"'),
        ("dependency_error", "ValueError", 'Missing script: "lint"'),
    ),
    (
        ("dependency_error", "ValueError", "sh: 1: vite: not found"),
        ("dependency_error", "ValueError", "sh: 1: next: not found"),
    ),
    (("unknown", "ValueError", "HTTP/1.1 429"), ("unknown", "ValueError", "HTTP/1.1 503")),
    (("unknown", "ValueError", "(status 404)"), ("unknown", "ValueError", "(status 410)")),
    (
        ("unknown", "ValueError", "-> 404 Not Found"),
        ("unknown", "ValueError", "-> 405 Method Not Allowed"),
    ),
    (("unknown", "ValueError", "http_status=500"), ("unknown", "ValueError", "http_status=502")),
    (("unknown", "ValueError", "[502] upstream"), ("unknown", "ValueError", "[504] upstream")),
    (
        ("unknown", "ValueError", "upstream said 429"),
        ("unknown", "ValueError", "upstream said 503"),
    ),
    (
        ("unknown", "ValueError", "grpc: DEADLINE_EXCEEDED"),
        ("unknown", "ValueError", "grpc: UNAVAILABLE"),
    ),
    (
        ("unknown", "ValueError", "code = Unavailable desc = x"),
        ("unknown", "ValueError", "code = Internal desc = x"),
    ),
    (
        ("unknown", "ValueError", '"code": "context_length_exceeded"'),
        ("unknown", "ValueError", '"code": "content_filter"'),
    ),
    (
        ("unknown", "ValueError", "{'type': 'overloaded_error'}"),
        ("unknown", "ValueError", "{'type': 'api_error'}"),
    ),
    (
        ("unknown", "ValueError", "finish_reason: length"),
        ("unknown", "ValueError", "finish_reason: content_filter"),
    ),
    (("unknown", "ValueError", "AADSTS50034: x"), ("unknown", "ValueError", "AADSTS70011: x")),
    (("unknown", "ValueError", "Error 1062 x"), ("unknown", "ValueError", "Error 1451 x")),
    (("unknown", "ValueError", "sqlstate 40001"), ("unknown", "ValueError", "sqlstate 40P01")),
    (
        ("unknown", "ValueError", "CVE-2024-1234 found in a"),
        ("unknown", "ValueError", "no CVE found in a"),
    ),
    (("unknown", "ValueError", "E0001: x"), ("unknown", "ValueError", "E1101: x")),
    (
        ("unknown", "ValueError", "AttributeError in render"),
        ("unknown", "ValueError", "KeyError in render"),
    ),
    (
        ("unknown", "ValueError", "caused by TimeoutError"),
        ("unknown", "ValueError", "caused by ConnectionError"),
    ),
    (
        ("unknown", "ValueError", "got NaN for price"),
        ("unknown", "ValueError", "got Infinity for price"),
    ),
    (("unknown", "ValueError", "x is -1"), ("unknown", "ValueError", "x is None")),
    (
        ("unknown", "ValueError", "utf-16 not supported"),
        ("unknown", "ValueError", "utf-32 not supported"),
    ),
    (
        ("unknown", "ValueError", "codec 'cp1252' failed"),
        ("unknown", "ValueError", "codec 'cp1250' failed"),
    ),
    (
        ("unknown", "ValueError", "language 'tsx' unsupported by highlighter"),
        ("unknown", "ValueError", "theme 'tsx' unsupported by highlighter"),
    ),
    (("unknown", "ValueError", "Node 18 required"), ("unknown", "ValueError", "Python 3 required")),
    (
        ("unknown", "ValueError", "on click handler is broken"),
        ("unknown", "ValueError", "on submit handler is broken"),
    ),
    (
        ("unknown", "ValueError", "Page.tsx exports nothing"),
        ("unknown", "ValueError", "Page.vue exports nothing"),
    ),
    (
        ("unknown", "ValueError", "css minifier failed"),
        ("unknown", "ValueError", "js minifier failed"),
    ),
    (("unknown", "ValueError", "save() failed"), ("unknown", "ValueError", "load() failed")),
    (
        ("unknown", "ValueError", "app.build.save failed"),
        ("unknown", "ValueError", "app.build.load failed"),
    ),
    (
        ("unknown", "ValueError", "build::render failed"),
        ("unknown", "ValueError", "build::save failed"),
    ),
    (("unknown", "ValueError", "<Hero> crashed"), ("unknown", "ValueError", "<Footer> crashed")),
    (
        ("unknown", "ValueError", "Hero component crashed"),
        ("unknown", "ValueError", "Footer component crashed"),
    ),
    (
        ("unknown", "ValueError", "/pages/3/hero must be string"),
        ("unknown", "ValueError", "/pages/3/title must be string"),
    ),
    (
        ("unknown", "ValueError", "User carol has no seat"),
        ("unknown", "ValueError", "User carol has no mail"),
    ),
    (
        ("unknown", "ValueError", "user profile is missing"),
        ("unknown", "ValueError", "user settings is missing"),
    ),
    (("unknown", "ValueError", "said 429"), ("unknown", "ValueError", "said 500")),
    (("unknown", "ValueError", "answered 502"), ("unknown", "ValueError", "answered 504")),
    (("unknown", "ValueError", "12px wide"), ("unknown", "ValueError", "12px high")),
    (("unknown", "ValueError", "font missing"), ("unknown", "ValueError", "icon missing")),
    (("unknown", "ValueError", "max must be int"), ("unknown", "ValueError", "min must be int")),
    (("unknown", "ValueError", "replied 401"), ("unknown", "ValueError", "replied 403")),
    (("unknown", "ValueError", "col.title empty"), ("unknown", "ValueError", "col.slug empty")),
    (
        ("unknown", "ValueError", "hero.tsx: no export"),
        ("unknown", "ValueError", "hero.css: no export"),
    ),
    (
        ("unknown", "ValueError", "call to chat failed"),
        ("unknown", "ValueError", "call to embed failed"),
    ),
    (
        ("unknown", "ValueError", "no such tool: fetch"),
        ("unknown", "ValueError", "no such tool: search"),
    ),
    (("unknown", "ValueError", "tar: EOF"), ("unknown", "ValueError", "zip: EOF")),
)
