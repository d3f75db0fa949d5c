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
The planner agent sat on the request for four minutes and never came back
No tokens received from the model in the last 40s, giving up on this page
deadline reached while the LLM was still streaming component 3/7
Generation abandoned: the writer model was too slow (limit: 180s)
codegen watchdog fired after 300000ms
Gave up waiting for Claude to finish the layout
Model took longer than allowed to produce the report outline
Time budget used up before the reviewer agent answered
the completion call hung and had to be killed
LLM_TIMEOUT (provider=azure, elapsed=121.3s)
Upstream inference exceeded its 60 second SLA; request cancelled
first token did not arrive within ten seconds
build sandbox ran past its 10 min limit and was stopped
Preview server did not become ready in 45s
Still no answer from the model, stopping here
The LLM needed more time than we grant
copywriter agent did not return before cutoff
patience exhausted waiting on inference
model latency went through the roof, cancelled at 3m
Claude is taking ages, aborted
The section writer ran out its clock
answer overdue: 95s
Render step exceeded max duration
the generation was cut after 10 minutes
could not finish the page inside the time window
streaming response idle too long
GPT call lasted 130 s, allowed 120
brainstorm step is still running after its limit
no output for half a minute
LLM worker went quiet
waited long enough for the image model
generation of the hero section did not end
Zeitlimit (timeout) reached for outline
the model's answer never arrived
completion request expired
time's up: 3 of 8 chapters written
agent stuck in a loop, killed after 20 turns and 6 minutes
prompt took forever
the writer never finished chapter 4
LLM answer took more than a minute
hit the 5 min wall
Model call was still pending when the 2-minute limit struck
agent loop exceeded max wall time (15m)
no reply from gpt within the allotted time
The streaming answer stalled halfway through index.html
aborting: code writer unresponsive for 75 s
job expired while waiting on the model
rendering of the deck did not complete in time
Waited for the translation model until the timer ran out
Illustration step: no picture after 120 s
the agent's turn lasted beyond its ten minutes
request to the LLM never returned
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
We are sending prompts faster than the provider lets us; backing off failed
Groq says slow down - 30 RPM reached
tokens-per-minute ceiling hit on deployment gpt-4o-eastus
Concurrency cap of the inference gateway reached, 12 requests in flight
Still throttled after 6 attempts
Burst allowance spent: next slot in 14s
HTTP 429 from the image API while drawing the hero banner
TPM budget for claude-sonnet exhausted, retry in 32 s
Provider asked us to retry after 20 seconds (too many calls)
RateLimited: figma import
The provider is limiting us, please wait
we were told to back off by the model API
request refused: calls come too fast
Too much traffic to gpt-4o from this key
no free slot at the inference endpoint
per-user token quota for this minute is gone
API responded with "try again later" (429)
exceeded allowed request frequency
we hit Anthropic's limits, slow down
LLM quota per minute reached
tokens/min exceeded
Cooldown: 17s until the next model call
reached max parallel completions
image API: limit of 5 per minute
LLM calls are being throttled right now
hourly request limit
over the per-minute limit at the provider
Too many generations started at once; the API pushed back
Anthropic returned 429 for the summary step
request was throttled by the LLM proxy (bucket empty)
rate cap: 60 calls/min, used 61
Provider quota per second hit, retrying did not help
gpt-4.1 said we ask too often
Throttle: 3 requests waiting for a permit
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
The model provider is down
Got a 503 from the inference endpoint
Connection to api.anthropic.com was reset mid-answer
OpenAI refused the prompt because of its usage policies
Prompt too long for the model: 210k tokens, window is 200k
LLM gateway answered 502 Bad Gateway
the model we ask for has been retired by the vendor
content filter tripped on the generated copy
Bedrock is overloaded at the moment
Model declined to answer: safety
could not reach ollama at localhost:11434
provider closed the stream before the final chunk
could not talk to the model
Model server answered with status 500
Anthropic hung up on us
context overflow: the brief and the files are too big for the model
The vendor blocked this prompt (policy)
the chat completion failed with a server-side problem
model "claude-9" is unknown to the provider
inference cluster is in maintenance
llm stream broke off
AI service currently not reachable
input exceeds what the model can take
network trouble between us and Azure OpenAI
LLM endpoint gives 500s
gateway to the models is broken
no connection to the inference server
model overloaded, try later
the answer was filtered by Azure
We sent more tokens than the model takes
Mistral API unavailable
model not loaded
bad response from OpenAI
TLS to the LLM proxy failed
moderation stopped the request
the conversation is longer than the context allows
unknown model: gpt-7
Replicate prediction failed
Gemini not available in this region
OpenAI error
LLM API is broken again
the provider cancelled our stream
Azure says content not allowed
LLM backend returned an internal error
vendor outage: all regions failing
the prompt does not fit into the context window
socket to the model server dropped
response was blocked for policy reasons
model deployment not found at the provider
Vertex AI currently unavailable
The LLM service replied with an internal failure
Cohere is down for maintenance
Could not open a stream to the model
image prompt rejected as unsafe
too long a prompt (190k tokens) for haiku
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
Our OpenAI key was revoked
No ANTHROPIC_API_KEY configured for this tenant
account out of credits, please top up
LLM login failed: token expired
monthly spend limit of the workspace reached
Gemini answered 403, key not allowed for this project
billing is disabled on the model account
key for Anthropic is not accepted any more
we have no money left at OpenAI
LLM account locked
OpenAI: 401
missing secret OPENAI_API_KEY
wrong token for the inference gateway
Credits used up, model calls are refused
openai key invalid
we are not allowed to use this model
Claude subscription expired
authentication with Vertex failed
credit card of the OpenAI account rejected
the LLM gateway says 401
monthly token budget consumed
no api token for replicate
invalid credentials for the LLM endpoint
Mistral subscription has lapsed
API key for groq missing
we ran out of OpenAI budget
OpenAI says the project is out of credit
the Gemini key has been disabled
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
The plan lists five pages but only three were generated
Model returned prose where a JSON object was expected
Section 'pricing' is missing from the generated landing page
The reply does not follow the agreed format: no <files> block found
component tree rejected: every node needs an id
colour palette must contain at least four hex values, got 2
Answer was empty
the agent returned zero files
unexpected field "stack" in project manifest
spec check failed: route /about declared twice
Quality gate not met: 3 of 11 acceptance checks failed
generated schema has no primary key for table orders
Type check failed with 14 errors
the design tokens file is not in the shape we asked for
lint found 6 problems in the generated code
Could not find a code block in the assistant's message
Tool call arguments do not match the tool's schema
expected a list of slides, received a dict
LLM picked a template that does not exist: 'portfolio-dark-9'
page weight 4.1 MB is over the 2 MB budget
unit tests of the generated module failed (2 failed, 7 passed)
alt text missing on 5 images
Report has no executive summary
the model's confidence value 1.7 lies outside 0..1
Inconsistent plan: step 4 depends on step 9
Invalid value for 'framework': 'reactt'
screenshot comparison failed: 18% of pixels differ
The page came back without any styling
wrong output type: wanted dict
answer is not what the prompt asked for
generated form has no submit button
Model made up a component called <FancyBox>
the outline contradicts the brief
Expected 5 quiz questions but the LLM gave 4
duplicate slug in generated pages
links in the generated site point nowhere
checksum of sections wrong: sum of shares is 97 %
JSON is fine but 'theme' holds an unknown value
two components share the id 'hero'
heading levels skip from h1 to h4
Text exceeds the 280 character limit
language of the output is English, German was ordered
LLM forgot the privacy page
output contains placeholder text (lorem ipsum)
TypeScript complained about 7 places
critic scored the draft 3/10, needs 7
e2e run red
html validator: 4 errors
unusable answer from the model
reply has the wrong shape
expected exactly one App component, found none
model answered with markdown instead of HTML
The table has rows of different length
invalid plan: no steps
required slot 'footer' not filled
component Hero is never used
contrast 2.1 is below 4.5
review failed twice
output does not mention the product
the model repeated itself 40 times
not a valid hex colour: '#12'
the number of images (9) differs from the plan (6)
acceptance criteria 2 and 5 unmet
spelling errors in headline
sitemap incomplete
model gave up without code
bad request body generated: 'items' must be an array
generated SQL uses unknown table 'clients'
Answer off-topic
mypy: 12 errors in generated package
the JSON schema rejects the answer
The card grid does not have three columns
The story has no ending
The summary isn't shorter than the text
Widget 3 does not respond to clicks
hero image not referenced anywhere
None of the sections uses the brand colour
prices do not add up
headline cannot be empty
route '/' not defined
The component is not exported
report fails the fact check
images without licence used
the form sends nothing
model did not fill in the template
not one of the allowed block types: 'carousel9'
generated colour is no hex value
The generated page lacks a heading
answer contains no usable code
Manifest lists 4 assets, 6 were emitted
agent's JSON lacks the key 'files'
The model ignored the schema and sent a plain sentence
title may not be longer than 60 characters
eslint reports 3 errors in src/cart.ts
5 TypeScript errors remain after two repair rounds
review agent rejected the draft: contrast too low
chart spec must have x and y
generated tests do not pass
broken link to /kontakt in the footer
wrong number of columns in generated CSV (7 instead of 9)
Model output fails the contract: price is negative
Nothing was generated
Chapter 2 repeats chapter 1
The mock-up has no mobile layout
Schema check of the answer: 2 problems
The LLM used a colour outside the palette
Model gave 11 bullet points where 5 are allowed
test 'adds item to cart' is red
menu entry 'Blog' leads to a missing page
we asked for TypeScript and got JavaScript
Storyboard rejected by quality check
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
The generated Python does not parse (line 14)
Broken JSX in Header.tsx: tag <div> never closed
model wrote invalid JSON: trailing comma at 1:233
Unbalanced braces in styles.css
could not parse generated SQL
the HTML is malformed, aborting
Stray backticks left in main.py
code fence was never terminated, script.js unusable
YAML front matter cannot be read: mapping values are not allowed here
Failed to compile the component: unexpected end of file
app.py: missing parenthesis
AST parse of generated module failed
mermaid diagram has a parse error on line 2
main.js is not parseable
The code ends in the middle of a function
JSX not closed properly in Footer
LLM output isn't JSON
HTML broken: <ul> inside open <p> never closed
SyntaxError in generated worker
python -m py_compile refused app.py
a quote is missing in config.toml
garbage after the closing brace in the answer JSON
esbuild choked on index.tsx
the css has an unclosed block
indentation wrong in generated code
file app.tsx has a syntax problem
unexpected symbol in generated code
Model output cut in the middle of a JSON object
could not compile template
tag soup: </div> without <div>
JSX parse failure
code block not terminated
SVG markup broken
missing closing bracket
ast.parse failed on generated file
Parsing of the LLM's JSON went wrong
the script has an odd number of quotes
stylesheet malformed
The model's code has a typo: unexpected comma
HTML cannot be parsed
template literal never ends
python code does not even compile
generated TypeScript cannot be parsed
App.vue: template has an unclosed element
JSON from the model is cut off in the middle of a string
bad indentation in generated module utils.py
Unterminated string in page.js
the produced XML isn't well formed
Markdown left inside the TSX file, compile failed
Vue template is broken: element div without end tag
the model closed one brace too many
line 14 of generated main.go does not parse
generated tsconfig is no JSON
compile error in Hero.tsx
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
Package 'framer-motions' is not on the registry
Installing the project's dependencies failed
npm could not fetch react-router
The generated app imports chart.js but does not list it in package.json
lockfile and manifest disagree
peer dependency clash between react 19 and @mui/material 5
cannot find ffmpeg on this worker
sandbox image has no python 3.12
required binary `wkhtmltopdf` is not installed
pip install exited with 1
Unresolved import ./components/Navbar in App.jsx
the template repository could not be checked out: unknown revision v2.3
node 16 is too old for this template; need >= 20
No wheel for torch on this platform
yarn add zod failed
left-pad@9 does not exist
Imported library 'shadcn' is not part of the project
The build wants tailwind but nobody installed it
requirements.txt asks for a version nobody published
Generated code needs d3 which is not available offline
Couldn't pull dependencies: exit 1
npm install blew up
dependency tree can't be solved
missing peer: react-dom
Import of non-existing file './Hero' in App.tsx
headless chrome is missing on the host
the npm registry has never heard of 'react-fancy'
module federation remote not resolvable
cannot install numpy
package manager failed (code 1)
Tailwind plugin not found
conflicting versions of react
no such package: fastapi-users2
unresolvable import "@/lib/utils"
lockfile is broken
pip could not find a matching version
app depends on sqlite3 which isn't there
npm audit signature mismatch for tarball
go toolchain not installed
bundler cannot locate entry ./src/main.tsx
build needs Java 21, found 17
Cannot load font package @fontsource/inter
dependency graph broken
Package json asks for node 22
no internet for npm in the sandbox
vite plugin react not resolvable
Missing module: recharts
npm ci broke on the generated lockfile
generated requirements ask for a pandas that does not exist (9.9)
the icon library is not installed in the sandbox
Imports a file that was never created: lib/db.ts
could not install playwright browsers
version conflict: vite 7 vs plugin-react 2
docker not found on host
the model imported a library that is not allowed in the sandbox: axios
three.js could not be downloaded
sharp failed to install its binary
React 17 and Next 15 do not go together
""",
    ),
    (
        "unknown",
        False,
        r"""
no such table: pages
no such column: slug
column "slug" of table pages does not exist
no row for this page
Object of type Page is not JSON serializable
page 40 does not exist
step skipped
Never answer.
the real programs under test
Top-level packages loaded
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
Project 8812 was deleted while it was being generated
could not save the generated site to the bucket
another build of this project is already running
state machine entered 'publishing' twice
database connection pool is closed
deploy hook returned nothing
worker shutting down, job handed back
template cache is corrupt
git push rejected (non-fast-forward)
preview iframe crashed
the site could not be published: domain is taken
Lost the lock on project 12
cannot read template from disk
webhook receiver answered 500
duplicate project name
unexpected state 'archived'
user cancelled the order
image upload to storage failed
cannot delete a running build
queue consumer restarted
git push failed
the invoice could not be created
feature flag service unreachable
could not acquire worker
job was superseded
email to the customer bounced
something went wrong
migration 0042 is not applied
could not create the project folder
preview link is dead
worker restarted during build
project is locked by another session
failed to persist the artefact
S3 refused the upload
index out of range
cannot roll back revision 12
stale cache entry
event bus closed
customer record missing
unable to schedule the job
hook 'after_build' crashed
division by zero in price calculation
session lost
form submission failed
button click handler crashed
table locked by another transaction
icon set license expired
menu could not be saved
website is already taken
site is in maintenance
app store rejected the build
project has too many collaborators
too many open files
too many redirects while loading the favicon
slot for this build was given away
header already sent
card payment refused
colour picker crashed
footer could not be saved
question was already answered
label printer offline
site not found
app not registered with the store
chapter is locked for editing
file already exists
cannot rename file
folder is not empty
invitation expired
session expired
certificate of the customer domain is not issued yet
domain not verified
no such workspace
workspace is full
project archived
state transition not allowed
optimistic lock failed
snapshot is missing
cannot restore backup
worker pool exhausted
worker is still running
another generation is running
job not found in queue
queue is empty
message dropped
event handler raised
cannot pickle generator
cannot serialize result
object has been disposed
double free of handle
cannot open display
thumbnail too small
avatar too large
upload too large
video still processing
nobody is on call
token bucket object not initialised
tokens of the design system could not be saved
key collision in store
counter overflow
clock skew detected
time zone unknown
schedule conflicts with a holiday
merge conflict in notes.md
branch diverged
revision outdated
comment thread closed
review is closed
reviewer is on holiday
beta programme is over
price list outdated
order number already used
duplicate order
duplicate key value
bad luck
aborted by user
stopped by operator
paused
no changes
not implemented
unsupported file system
cannot fork
broken symlink
stale file handle
resource busy
device not ready
internal assertion in layout engine
layout engine crashed
renderer crashed
preview crashed twice
canvas lost its context
browser tab closed
pdf printer failed
font could not be embedded
cannot write generated files: permission denied
user closed their account
zip upload to storage failed
orchestrator in bad state
could not reserve subdomain
a newer build replaced this one
lost connection to Postgres
the user deleted the draft
archive is damaged
feature not enabled for this workspace
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
build worker died (signal 9)
no space left on the build volume
container was killed: out of memory
node process crashed with a heap out of memory
builder ran out of memory
disk quota of the sandbox used up
child was killed by SIGKILL
the render process segfaulted
server has no disk left
process exited with code 137
the sandbox was OOM-killed
worker terminated by the OOM killer
disk is full on builder-3
kernel killed vite (OOM)
""",
    ),
)
