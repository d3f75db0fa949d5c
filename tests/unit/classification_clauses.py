"""Sentences of several hands: what is said in a clause, and what is the application's own affair.

Written down table by table, each before the rules were looked at.
"""

from __future__ import annotations

from typing import Final

#: (category, critical?, one sentence a line)
CLAUSES: Final[tuple[tuple[str, bool, str], ...]] = (
    (
        "ai_timeout",
        False,
        r"""
LLM latency budget exceeded
LLM call exceeded timeout of 90 seconds
planner timed out
time budget for step "code" used up
the agent has been running for 15 minutes without a result, stopping it
no tokens received for 60s
model call cancelled after 120s
generation took 612s, limit is 600s
the stream from Gemini went quiet and was closed after 30 s
completion did not arrive in time
Deadline of 60s passed while waiting for gpt-4o
the sandbox build did not finish within 5 minutes
Waiting for the plan took too long, aborted
no reply from gpt-4o after 3 retries of 30 s each
first chunk not seen in 20 s
model call: asyncio.TimeoutError
code step ran into its time limit
reached max duration (10m) while the agent was still writing files
Bedrock converse stream idle for 120 seconds
inference exceeded deadline
still no completion after 90s, giving up
AbortError: The operation was aborted due to timeout
LLM response not received in 45000ms
codegen phase exceeded the 5m cap
Hit hard deadline (240s) during 'code' phase
Lost patience with the model after two minutes
watchdog: no progress from agent for 10 min, killing
net/http: request canceled (Client.Timeout exceeded while awaiting headers)
upstream request timeout
""",
    ),
    (
        "rate_limit",
        False,
        r"""
gemini-2.5-pro: per-minute token quota hit
LLMRateLimit: please wait 12s before the next request
openai: 429 after 6 retries
Our Anthropic org is over its input-tokens-per-minute budget
Mistral refused the call: too many requests in flight
giving up: provider keeps answering 429
request limit hit, cooling down
token bucket of the LLM gateway is empty, rate limited
throttled by Azure (S0 tier)
could not get a slot: max parallel generations at provider reached
chat completion failed with 429, Retry-After 20
hitting OpenAI too hard, got told to wait
Vertex quota per minute exceeded for gemini-2.5-pro
provider asked us to back off (429)
RateLimited(by='groq', wait=3.2)
[llm] attempt 5/5 failed (HTTP 429), no more retries
Gemini says RESOURCE_EXHAUSTED, backing off did not help
You are sending requests too quickly. Please slow down.
exceeded 60 RPM
API request failed: {"error":{"type":"rate_limit_error","message":"..."}}
model quota for this minute is used up, retry in 21 s
retry-after: 30 received from provider
""",
    ),
    (
        "provider_error",
        False,
        r"""
the model endpoint hung up
stream ended without a finish reason
provider sent malformed event stream
Bedrock: serviceUnavailableException
Cannot reach api.openai.com
Gemini answered 500 INTERNAL
the model host closed the connection mid-stream
OpenAI is having an outage
prompt does not fit into the context window of gpt-4o
too much input: 131k tokens, model takes 128k
response blocked: SAFETY
Claude declined the request on policy grounds
unexpected status 503 from LLM backend
vLLM engine died
inference endpoint returned garbage (HTML error page, status 502)
LLM proxy: bad gateway
the requested model 'claude-2' has been retired
DNS lookup for the model endpoint failed
TLS certificate of llm.internal has expired
overloaded_error from anthropic after 4 tries
provider hiccup: internal server error
socket closed by openai before the answer was complete
openai unavailable: connection refused
server returned 529 (overloaded)
LLM error: unexpected end of stream
got 500 from https://llm.example/v1/messages
the answer was cut because the provider dropped the connection
your prompt was flagged as violating our usage policy
prompt + max_tokens > context size (8192)
the model is being loaded, come back later
Claude is down
gateway error while talking to the model
could not open a session with Vertex AI
upstream LLM replied with status 520
request body too large for the model API
the moderation endpoint blocked the request
deployment gpt-4o-eu not found on Azure
certificate verify failed talking to the LLM proxy
bedrock: model is currently not available, please try again
got an error page instead of a completion (502 from the proxy)
Claude returned stop_reason=refusal
SSL handshake with api host failed
the conversation is too long for this model (205113 tokens)
finish_reason=content_filter, nothing generated
Our LLM gateway is down
inference server crashed while streaming
HTTPError: 500 Server Error: Internal Server Error for url: http://llm/v1/chat
read ECONNRESET
""",
    ),
    (
        "provider_error",
        True,
        r"""
provider rejected credentials
Missing GEMINI_API_KEY
the API key was rejected by Anthropic
401 from openai: check credentials
quota for this project has been exhausted
credit card on the OpenAI account expired, billing inactive
this organisation may not use gpt-5 (permission denied by provider)
Insufficient balance on DeepSeek account
the OpenAI key has been revoked
no API key configured for provider mistral
provider says: your credit is used up
403: this key has no access to claude-opus
the service account lacks permission to call Vertex AI
openai.com says billing is not active for this organisation
ANTHROPIC_API_KEY missing from the environment
spending cap for this month hit
api token for replicate is invalid
wrong api key or key revoked
403 Forbidden from provider: key not allowed for this model
please top up your balance to continue
AWS credentials expired while calling Bedrock
Free tier exhausted. Upgrade to a paid plan.
""",
    ),
    (
        "validation_error",
        False,
        r"""
reviewer agent rejected the output
output is shorter than the minimum of 200 words
The model returned 2 pages instead of 5
Answer lacks the 'components' section
LLM output rejected by schema: pages[0].route is required
plan contains unknown component type 'Carousell'
Expected JSON object, got array
html validator reported 3 errors
generated project has no entry point
type check failed with 14 errors
eslint: 7 errors, 2 warnings
router references page 'about' that was not generated
output violates contract: title longer than 60 chars
pydantic: 2 validation errors for Plan
unit tests of the generated app failed (3 of 20)
self-check found the answer incomplete
model produced an empty file for src/App.vue
the tool arguments do not match the tool's signature
unknown action 'delete_all' requested by the model
page count mismatch: wanted 4, model gave 3
'title' missing in plan
components[2].type is not one of: hero, grid, footer
the reply contains no HTML
model invented a field 'layuot'
schema validation of the manifest failed
response is a string, expected an object
3 accessibility violations found in generated page
output has duplicate ids
answer did not follow the format
critic rejected the draft: too short
model skipped the tests section
generated route '/about' has no component
contrast check failed for 2 elements
plan references a file that is not in the project
LLM returned None
the plan lists a page without a route
output failed 3 of 12 checks
LLM did not call the required tool 'write_file'
model answered in prose, JSON object wanted
key 'files' not in response
schema check: 'pages' should be an array
no code block found in completion
empty file list returned
accessibility audit failed: 4 violations
TS2322: Type 'string' is not assignable to type 'number'.
""",
    ),
    (
        "syntax_error",
        False,
        r"""
app.py does not compile: invalid syntax at line 3
model wrote broken JSX: closing tag for <div> missing
cannot parse the plan: JSON ends unexpectedly
SyntaxError in generated file utils.ts
stray closing brace in styles.css line 9
YAML front matter is malformed
unexpected token export
JSON.parse failed at position 312
the generated Python has an indentation error
template does not parse: unknown tag 'endfr'
unescaped quote in JSON string
Dockerfile parse error on line 4: unknown instruction: RUNN
Unexpected token '}' in generated main.js (12:4)
template literal not closed
could not compile Counter.svelte
HTML is broken: <section> never closed
response JSON is truncated
esbuild: 1 error: Expected ")" but found "{"
ast.parse failed for generated app.py
bad YAML: mapping values are not allowed here
garbled JSX around line 70
markdown fence not terminated
SQL does not parse
App.vue: Element is missing end tag.
model output is not parseable as YAML
invalid character '`' in identifier at src/main.py:3
JSON cut off after 4096 tokens
Babel could not transform Header.jsx: Expected corresponding JSX closing tag for <li>
CSS parser choked on line 44: missing '}'
generated SQL has a syntax problem near 'FORM'
""",
    ),
    (
        "dependency_error",
        False,
        r"""
poetry could not solve the dependencies
npm ERR! notarget No matching version found for react@^25.0.0
package @acme/ui-kit not found in the npm registry
failed to install dependencies (exit code 1)
the generated app imports 'framer-motion-x' but it is not installed
pip could not find pandas-magic
dependency tree cannot be resolved: eslint 8 vs 9
vite is not installed
sh: 1: next: not found
requires node >=20 but 18.19 is installed
module './Button' imported by App.tsx does not exist
unknown package 'magicui' in package.json
uv sync failed: no solution for python 3.13
missing peer dependency: react-dom
ModuleNotFoundError in preview: flask_wtf
Module 'react-icons/hi9' has no exports / was not found
generated package.json asks for next@99, which is not published
npm: peer dep missing
pnpm install exited with code 1
missing Python package: jinja3
import of 'app.models' failed
binary 'tsc' not found on PATH
no such module: sqlalchmey
could not install requirements
vite config imports @vitejs/plugin-foo which cannot be found
the library chart.jsx does not exist
version ^12 of tailwindcss does not exist
the model invented an npm package: react-magic-grid
yarn exited with 1: Couldn't find package "vue-nope"
requirements.txt pins flask==99.0 which does not exist
import 'lodash-extra' could not be resolved
node_modules missing after install step
pip: ResolutionImpossible for numpy<1 and pandas>2
Unknown package manager error while installing dependencies
""",
    ),
    (
        "unknown",
        False,
        r"""
project is archived
page 'home' already has a hero section
user has no workspace
cannot move from state queued to state finished
the cache entry is stale
image could not be resized
timezone of the user is not set
sitemap generation is switched off
an unexpected error occurred
no such project
git commit failed
preview port 5173 is taken
step plan failed
phase code failed after 2 tries
unreachable code reached
this should never happen
database is read-only
redis: connection refused
could not acquire lock within 5 retries
font file not readable
color 'tomatoe' unknown to the theme
migration of project format v2 to v3 went wrong
orchestrator stopped
worker shutting down
task was destroyed but it is pending
no running event loop
tenant limit of storage reached
subscription of the customer has ended
invoice could not be created
the user's session has expired
user password is invalid
login required
access denied: you are not the owner of this project
comment thread not found
rate of frames too low in the preview video
limit must be between 1 and 100
can only concatenate str (not "int") to str
'coroutine' object is not subscriptable
argument of type 'NoneType' is not iterable
cannot unpack non-iterable NoneType object
unhashable type: 'list'
descriptor 'format' requires a 'str' object but received a 'int'
Object of type datetime is not JSON serializable
invalid literal for int() with base 10: ''
year 0 is out of range
embedded null byte
not enough values to unpack (expected 3, got 2)
Circular reference detected
negative shift count
chr() arg not in range(0x110000)
Invalid format specifier
unknown format code 'd' for object of type 'str'
nothing to do
user did not confirm the plan
no workspace selected
customer has no invoice
project title is already used
build number 503 was superseded
the page 'pricing' is locked by another editor
export queue stalled
image upload was refused by storage
preview could not be started
missing permission to publish
theme package expired
email to user bounced
domain is not connected
lost the race for the lock
failed to write audit log
job 429 failed
session not found
could not delete branch
concurrent edit detected
step 3 raised
cart is empty
cannot publish: no domain
search index is rebuilding
stale revision, reload
unknown locale 'xx'
wrong password
template gallery is empty
'builtin_function_or_method' object is not iterable
'NoneType' object is not callable
sequence item 0: expected str instance, int found
not all arguments converted during string formatting
function missing required argument 'year' (pos 1)
string indices must be integers, not 'str'
list indices must be integers or slices, not str
project 'shop' was deleted while it was generating
could not save the project
template 'landing' has no variant 'dark'
unsupported framework: angular
feature flag new_codegen is off
another generation is already running for this project
lock on project 12 not acquired
upload to storage failed
thumbnail could not be rendered
share link has expired
email delivery failed for user 9
state 'building' cannot follow 'done'
cannot pickle '_thread.lock' object
Event loop is closed
coroutine 'build' was never awaited
'<' not supported between instances of 'str' and 'int'
object of type 'generator' has no len()
too many values to unpack (expected 2)
dictionary update sequence element #0 has length 1; 2 is required
could not convert string to float: 'abc'
list.remove(x): x not in list
substring not found
max() arg is an empty sequence
I/O operation on closed file.
build() got an unexpected keyword argument 'theme'
'str' object cannot be interpreted as an integer
cannot access local variable 'plan' where it is not associated with a value
Working outside of application context.
threads can only be started once
cannot schedule new futures after shutdown
Session is closed
webhook of the customer answered late
theme color palette exceeded
the token 'hero' is used twice in the design
limit of 3 projects per workspace
request 500 of 900 done, then stopped
rendering took 429 ms
cannot import project archive
timeline component broke
syntax highlighting theme unknown
schema migration 7 has not been applied
validation set split is random
connection between page 2 and page 3 is not drawn
Stripe: card declined
export took the wrong branch
this account cannot be deleted
""",
    ),
    (
        "unknown",
        True,
        r"""
the disk space is exhausted
node exited with signal SIGKILL (memory?)
build killed: out of memory
write failed: disk is full
no space left in /var/lib/genmon
child process segfaulted
container exited with 137
Chromium crashed: out of memory
ENOSPC: no space left on device, write
python worker got SIGKILL
renderer process killed by the kernel (oom)
exit status 139
the preview container was OOM killed
worker died with SIGKILL while bundling
volume is out of disk space
""",
    ),
)
