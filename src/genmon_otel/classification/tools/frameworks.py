"""What the compilers of web frameworks print: Svelte, Vue, Angular, Astro, Nuxt, Next and CSS tools.

Tried before the forms of reports, which would call each place in a file a refusal.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry, entry, form, printed
from genmon_otel.classification.verdict import DEPENDENCY, SYNTAX, VALIDATION

#: Codes of Svelte 5 for what does not parse, as they end the address that it prints.
_SVELTE: Final = (
    r"attribute_empty_shorthand|attribute_invalid_name|attribute_unquoted_sequence|attribute_duplicate"
    r"|block_(?:invalid_continuation_placement|invalid_elseif|unclosed|unexpected_c\w+|duplicate_clause)"
    r"|directive_missing_name|element_(?:invalid_closing_tag\w*|invalid_tag_name|unclosed)"
    r"|expected_\w+|js_parse_error|css_\w+|script_duplicate|style_duplicate|tag_invalid_name|unexpected_\w+"
    r"|void_element_invalid_content|unterminated_string_constant|typescript_invalid_feature"
)

FRAMEWORKS: Final[tuple[Entry, ...]] = (
    entry(
        SYNTAX,
        "svelte.syntax",
        "Svelte 4 and 5 and vite-plugin-svelte, a component that does not parse",
        form(rf"\bsvelte\.dev/e/(?:{_SVELTE})\b", "svelte"),
        form(rf"\bcompileerror \[(?:{_SVELTE})\]", "compileerror"),
        form(
            r"\.svelte(?: \(|:)\d+:\d+\)?:? [^\n]{0,200}(?:was left open|block was left open|unexpected block closing tag|expected (?:valid tag name|token|whitespace|attribute value|an? (?:valid )?(?:css )?identifier|'if', 'each')|unexpected (?:token|end of input|keyword|character)|is a reserved word in javascript|attributes need to be unique|is not a valid attribute name|should be 'else if'|invalid selector)",
            "svelte",
        ),
        "attempted to close an element that was not open",
        "attempted to close element that was already automatically closed",
        "attempted to close <… that was already automatically closed by",
        "void elements cannot have children or closing tags",
        "block is invalid at this position (did you forget to close the",
        "attribute shorthand cannot be empty",
        form(
            r"'[^'\n]{1,20}' is not a valid attribute name|</[\w:-]{1,60}> attempted to close",
            "close",
        ),
        "attribute values containing '{...}' must be enclosed in quote marks",
    ),
    entry(
        VALIDATION,
        "svelte",
        "Svelte, a component that breaks its rules",
        form(r"\bsvelte\.dev/e/[a-z_]{4,60}\b", "svelte"),
    ),
    entry(
        SYNTAX,
        "vue.syntax",
        "Vue's compiler, a template that does not parse",
        "interpolation end sign was not found",
        "end bracket for dynamic directive argument was not found",
        "unquoted attribute value cannot contain u+",
        "attribute name cannot contain u+",
        "illegal tag name. use '&lt;' to print",
        "error parsing javascript expression: ",
        "at least one <template> or <script> is required in a single file component",
        form(
            r"\bvue\b[^\n]{0,200}(?:invalid end tag\.|duplicate attribute\.|illegal '/' in tags)",
            "vue",
        ),
    ),
    entry(
        VALIDATION,
        "vue",
        "Vue's compiler, a directive that it refuses",
        "v-else/v-else-if has no adjacent v-if",
        "v-if/v-else-if is missing expression",
        "v-for has invalid expression",
        "v-model value must be a valid javascript member expression",
        "single file component can contain only one <",
    ),
    entry(
        DEPENDENCY,
        "angular.missing",
        "Angular, a template or a style that is not there",
        form(r"\bng2008: could not find (?:template|stylesheet) file", "ng"),
        "could not find the implementation for builder",
        "could not find '@angular-devkit/build-angular'",
        "this version of cli is only compatible with angular versions",
        "the angular compiler requires typescript >=",
    ),
    entry(
        SYNTAX,
        "angular.syntax",
        "Angular, NG5002: a template that does not parse",
        form(r"\bng5002\b", "ng"),
    ),
    entry(
        VALIDATION,
        "angular",
        "Angular, its NG codes",
        form(r"\berror\]? ?ng-?\d{4,6}\b", "ng"),
    ),
    entry(
        SYNTAX,
        "astro.syntax",
        "Astro and MDX, a page that does not parse",
        "[compilererror]",
        "unknowncompilererror",
        "markdownfrontmatterparseerror",
        "mdxerror: ",
        "could not parse import/exports with acorn",
        "could not parse expression with acorn",
        form(r"\bexpected a closing tag for [`'\"]<", "closing"),
        "unexpected closing slash '/' in tag, expected an open tag first",
        form(
            r"\bunexpected character [`'\"][^\n]{1,4}[`'\"] \(u\+[0-9a-f]{4}\) (?:in|before)",
            "unexpected",
        ),
    ),
    entry(
        VALIDATION,
        "astro",
        "Astro, content that breaks a collection's schema and pages that break its rules",
        "data does not match collection schema",
        "frontmatter does not match collection schema",
        "invalidcontententrydataerror",
        "getstaticpathsrequired",
        "'getstaticpaths()' function is required for dynamic routes",
        "localimageusedwrongly",
    ),
    entry(
        DEPENDENCY,
        "framework.missing",
        "Astro, Nuxt, Next, Tailwind, Expo, Metro and Parcel, a piece that is not installed",
        "noadapterinstalled",
        "cannot use server-rendered pages without an adapter",
        "failedtoloadmodulessr",
        "imagenotfound: could not find requested image",
        form(r"\bcould not load [`'\"][\w@/.-]{1,80}[`'\"]\. is it installed\?", "installed"),
        "do not have the required package(s) installed",
        "failed to load swc binary for",
        "directly as a postcss plugin. the postcss plugin has moved",
        form(r"\bcan't resolve '[^'\n]{1,120}' in '[^'\n]{0,120}/", "resolve"),
        form(r"\bunable to resolve module \S{1,160} from ", "resolve"),
        form(
            r"\bunable to resolve [\"'][^\"'\n]{1,160}[\"'] from [\"'][\w@/.-]{1,120}\.[cm]?[jt]sx?[\"']",
            "resolve",
        ),
        form(r"@parcel/core: (?:failed to resolve|cannot find|could not)", "parcel"),
        form(r"@parcel/[\w-]{2,40}: cannot (?:find|resolve|load)", "parcel"),
    ),
    entry(
        SYNTAX,
        "swc.syntax",
        "swc, oxc, Turbopack, Rspack, Parcel and Tailwind 4, a source that does not parse",
        "parsing ecmascript source code failed",
        "parsing css source code failed",
        "javascript parse error: ",
        "cannot be used outside of module code",
        "expected ';', '}' or <eof>",
        form(
            r"(?:^|\n)\W{0,8}[×x] (?:expression expected|expected [`'\"(a-z]|unexpected (?:token|eof)|unterminated )",
            "expected",
            "unexpected",
            "unterminated",
        ),
        form(
            r"@parcel/transformer-\w{2,20}: (?:unexpected|expected|unterminated|missing|invalid)",
            "parcel",
        ),
    ),
    entry(
        VALIDATION,
        "next",
        "Next, Less and Tailwind, what a page or a style must not do",
        form(r"you're importing a component that needs ['\"`]?\w{3,40}", "importing"),
        "is missing 'generatestaticparams()' so it cannot be used with",
        "is not a valid next.js entry export value",
        form(r"\bis not a valid (?:page|route|layout) export field\b", "export"),
        form(r"\bexport ['\"`]?\w{1,80}['\"`]? doesn't exist in target module\b", "target"),
        form(r"\bnameerror: variable @[\w-]{1,60} is undefined", "variable"),
    ),
    printed(
        SYNTAX,
        "style.syntax",
        "Tailwind 4, Less, swc and Angular before 9, a source that does not parse",
        "missing opening {",
        "missing opening (",
        "missing closing } at",
        "unrecognised input",
        "return statement is not allowed here",
        "template parse errors:",
    ),
    printed(DEPENDENCY, "metro", "Metro, a file that is not there", "none of these files exist:"),
)
