/*
 * scan_test: what the scanner accepts, what it refuses, where and why.
 *
 * The table names one rule a row; each row is scanned whole, byte by byte, in every cut
 * into two and in random cuts, and must always come out the same.  Behind the table come
 * searches: all short numbers, all short token sequences, all code points, and every
 * special byte at every place of a run of plain ones.  They compare with oracles that are
 * written another way than the scanner.  Long dense texts, of which some paths prove
 * whole blocks at once, must come out as on the path that does not.
 *
 * All of it on each of the scanner's paths that the machine has.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/scan.h"

#include <assert.h>
#include <regex.h>

#include "cuts.h"
#include "guard.h"
#include "tap.h"

#define DEPTH 64
#define DONT_CARE REJECT_COUNT
#define NEST_TEXT_MAX (SCAN_DEPTH_MAX * 8)
#define PLAIN_MAX 70
/* Beyond two blocks of the widest vectors, which have 64 bytes. */
#define PLACES ((size_t)131)
#define PLACED_MAX 8192
#define TWIN_MAX 300

/* The path that all tests are about. */
static enum scan_path tested_path;

struct outcome {
	enum scan_result result;
	size_t used;
	enum reject_reason reason;
	bool may_end;
	const char *error;
};

struct row {
	const char *name;
	const char *text;
	size_t len;
	struct outcome expected;
};

#define ROW(name, text, ...)                  \
	{                                     \
		name, text, sizeof(text) - 1, \
		{                             \
			__VA_ARGS__, NULL     \
		}                             \
	}

/* The value ends before the text does, behind `used` bytes. */
#define ENDS(name, used, text) ROW(name, text, SCAN_DONE, used, DONT_CARE, false)
#define ACCEPT(name, text) ENDS(name, sizeof(text) - 1, text)
#define REJECT(name, reason, used, text) \
	ROW(name, text, SCAN_BAD, used, REJECT_##reason, false)

/* The text is a beginning; MAY_END: of a number that is whole. */
#define BEGINS(name, text, may_end) \
	ROW(name, text, SCAN_MORE, sizeof(text) - 1, DONT_CARE, may_end)
#define GOES_ON(name, text) BEGINS(name, text, false)
#define MAY_END(name, text) BEGINS(name, text, true)

#define STR(body) "\"" body "\""

static const struct row numbers[] = {
	MAY_END("zero", "0"),
	MAY_END("minus zero", "-0"),
	MAY_END("one digit", "7"),
	MAY_END("negative", "-12"),
	MAY_END("long integer", "123456789012345678901234567890"),
	MAY_END("fraction", "0.5"),
	MAY_END("fraction of zeros", "0.000"),
	MAY_END("negative fraction", "-0.25"),
	MAY_END("integer and fraction", "31.4159"),
	MAY_END("exponent", "1e5"),
	MAY_END("capital exponent", "1E5"),
	MAY_END("positive exponent", "1e+5"),
	MAY_END("negative exponent", "1e-5"),
	MAY_END("exponent with leading zeros", "1e007"),
	MAY_END("exponent of zero", "0e0"),
	MAY_END("capital positive exponent", "0E+1"),
	MAY_END("fraction and exponent", "-1.5E-3"),
	MAY_END("beyond a double's range", "1e400"),
	MAY_END("below a double's range", "1e-400"),
	GOES_ON("minus alone", "-"),
	GOES_ON("point without digits", "1."),
	GOES_ON("e without digits", "1e"),
	GOES_ON("e and sign without digits", "1e+"),
	GOES_ON("fraction and e without digits", "1.5E"),
	GOES_ON("number within an array", "[12"),
	ENDS("ended by space", 2, "42 "),
	ENDS("ended by tab", 2, "42\t"),
	ENDS("ended by line feed", 2, "42\n"),
	ENDS("ended by carriage return", 2, "42\r"),
	ENDS("ended by NUL", 2, "42\0"),
	ENDS("zero ended by space", 1, "0 "),
	ENDS("minus zero ended by space", 2, "-0 "),
	ENDS("fraction ended by space", 3, "1.5 "),
	ENDS("exponent ended by space", 3, "1e5 "),
	ENDS("ended by an object", 2, "42{}"),
	ENDS("ended by a quote", 2, "42" STR("")),
	ENDS("ended by a comma", 2, "42,"),
	ENDS("ended by a bracket", 2, "42]"),
	ENDS("ended by a brace", 2, "42}"),
	ENDS("ended by a letter", 2, "42x"),
	ENDS("ended by a sign", 2, "42-"),
	ENDS("hexadecimal ends behind its zero", 1, "0x1F "),
	ENDS("octal by letter ends behind its zero", 1, "0o17 "),
	ENDS("binary ends behind its zero", 1, "0b1 "),
	ENDS("underscore ends a number", 1, "1_000"),
	ENDS("second point ends a number", 3, "1.5.6"),
	ENDS("second exponent ends a number", 3, "1e5e6"),
	ENDS("point behind an exponent ends it", 3, "1e5.6"),
	ENDS("type suffix ends a number", 3, "1.0f"),
	ENDS("slash ends a number", 1, "1/2"),
	ENDS("non-ASCII digit ends a number", 1, "1\xef\xbc\x92 "),
	ENDS("white space before a number counts", 4, "  42 "),
	ACCEPT("in an array", "[0]"),
	ACCEPT("several in an array", "[0,-0,1.5,1e5,-1.5E+10]"),
	ACCEPT("in an object", "{\"a\":0,\"b\":-1.5,\"c\":1e5}"),
	ACCEPT("white space behind, in an array", "[1 ,2\n,3\t,4\r]"),
	ACCEPT("zero before a bracket", "[-0]"),
	ACCEPT("fraction before a brace", "{\"a\":0.5}"),
	REJECT("plus sign", syntax, 0, "+1"),
	REJECT("leading point", syntax, 0, ".5"),
	REJECT("leading e", syntax, 0, "e5"),
	REJECT("minus and point", syntax, 1, "-.5"),
	REJECT("two minus signs", syntax, 1, "--1"),
	REJECT("minus and plus", syntax, 1, "-+1"),
	REJECT("minus and space", syntax, 1, "- 1"),
	REJECT("minus and letter", syntax, 1, "-a"),
	REJECT("minus and e", syntax, 1, "-e1"),
	REJECT("minus before a line feed", syntax, 1, "-\n"),
	REJECT("minus before a bracket", syntax, 2, "[-]"),
	REJECT("leading zero", syntax, 1, "01"),
	REJECT("two zeros", syntax, 1, "00"),
	REJECT("leading zero of a negative", syntax, 2, "-01"),
	REJECT("two zeros of a negative", syntax, 2, "-00"),
	REJECT("leading zero in an array", syntax, 2, "[012]"),
	REJECT("leading zero and fraction", syntax, 1, "00.5"),
	REJECT("thousands with zeros", syntax, 4, "[1,000]"),
	REJECT("point at the end", syntax, 2, "1. "),
	REJECT("point before a bracket", syntax, 3, "[2.]"),
	REJECT("point before a brace", syntax, 7, "{\"a\":1.}"),
	REJECT("point before an exponent", syntax, 2, "1.e5"),
	REJECT("zero, point, exponent", syntax, 2, "0.e1"),
	REJECT("two points", syntax, 2, "1..5"),
	REJECT("point and minus", syntax, 2, "1.-5"),
	REJECT("point before a line feed", syntax, 3, "-0.\n"),
	REJECT("e at the end", syntax, 2, "1e "),
	REJECT("e before a bracket", syntax, 3, "[1e]"),
	REJECT("capital e before a comma", syntax, 3, "[1E,2]"),
	REJECT("two e", syntax, 2, "1ee5"),
	REJECT("e and point", syntax, 2, "1e.5"),
	REJECT("e, sign, end", syntax, 3, "1e+ "),
	REJECT("e, minus, bracket", syntax, 4, "[1e-]"),
	REJECT("e and two signs", syntax, 3, "1e+-1"),
	REJECT("zero and e before a brace", syntax, 7, "{\"a\":0e}"),
	REJECT("hexadecimal in an array", syntax, 2, "[0x1F]"),
	REJECT("underscore in an array", syntax, 2, "[1_000]"),
	REJECT("second point in an array", syntax, 4, "[1.5.6]"),
	REJECT("space within a number", syntax, 3, "[1 000]"),
	REJECT("NUL behind a number in an array", syntax, 2, "[1\0]"),
	REJECT("letter behind a number", syntax, 2, "[1a]"),
	REJECT("minus behind a number", syntax, 2, "[1-2]"),
	REJECT("infinity", syntax, 0, "Infinity"),
	REJECT("negative infinity", syntax, 1, "-Infinity"),
	REJECT("short infinity", syntax, 0, "Inf"),
	REJECT("not a number", syntax, 0, "NaN"),
	REJECT("lower case not a number", syntax, 1, "nan"),
	REJECT("negative not a number", syntax, 1, "-NaN"),
	REJECT("fullwidth digit", syntax, 0, "\xef\xbc\x91"),
	REJECT("Arabic digit", syntax, 1, "[\xd9\xa1]"),
	REJECT("minus sign of typesetting", syntax, 0, "\xe2\x88\x92"),
};

static const struct row literals[] = {
	ACCEPT("true", "true"),
	ACCEPT("false", "false"),
	ACCEPT("null", "null"),
	ACCEPT("literals in an array", "[true,false,null]"),
	ACCEPT("literals in an object", "{\"a\":true,\"b\":false,\"c\":null}"),
	ACCEPT("literals and white space", "[ true , false\n, null\t]"),
	ENDS("true and white space", 4, "true "),
	ENDS("true twice", 4, "truetrue"),
	ENDS("literal and letter", 4, "nulll"),
	ENDS("literal and NUL", 5, "false\0"),
	GOES_ON("t", "t"),
	GOES_ON("tru", "tru"),
	GOES_ON("fals", "fals"),
	GOES_ON("nul", "nul"),
	REJECT("capital true", syntax, 0, "True"),
	REJECT("capitals", syntax, 0, "TRUE"),
	REJECT("capital false", syntax, 0, "False"),
	REJECT("capital null", syntax, 0, "NULL"),
	REJECT("capital last letter", syntax, 3, "truE"),
	REJECT("misspelt true", syntax, 3, "trux"),
	REJECT("misspelt false", syntax, 1, "flase"),
	REJECT("misspelt null", syntax, 1, "nil"),
	REJECT("misspelt null late", syntax, 3, "nul "),
	REJECT("space within a literal", syntax, 4, "fals e"),
	REJECT("NUL within a literal", syntax, 1, "n\0ll"),
	REJECT("literal cut by a bracket", syntax, 4, "[tru]"),
	REJECT("literal cut by a comma", syntax, 5, "[fals,1]"),
	REJECT("literal cut by a quote", syntax, 3, "nul" STR("")),
	REJECT("two literals in an array", syntax, 5, "[truefalse]"),
	REJECT("letter behind a literal", syntax, 5, "[nulll]"),
	REJECT("literal as a key", syntax, 1, "{null:1}"),
	REJECT("undefined", syntax, 0, "undefined"),
	REJECT("none of Python", syntax, 0, "None"),
	REJECT("yes", syntax, 0, "yes"),
	REJECT("bare word", syntax, 0, "hello"),
};

static const struct row strings[] = {
	ACCEPT("empty string", STR("")),
	ACCEPT("one character", STR("a")),
	ACCEPT("printable ASCII",
		STR(" !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`"
		    "abcdefghijklmnopqrstuvwxyz{|}~")),
	ACCEPT("DEL", STR("\x7f")),
	ACCEPT("escaped quote", STR("\\\"")),
	ACCEPT("escaped backslash", STR("\\\\")),
	ACCEPT("escaped slash", STR("\\/")),
	ACCEPT("escaped backspace", STR("\\b")),
	ACCEPT("escaped form feed", STR("\\f")),
	ACCEPT("escaped line feed", STR("\\n")),
	ACCEPT("escaped carriage return", STR("\\r")),
	ACCEPT("escaped tab", STR("\\t")),
	ACCEPT("every short escape", STR("\\\"\\\\\\/\\b\\f\\n\\r\\t")),
	ACCEPT("escaped NUL", STR("\\u0000")),
	ACCEPT("escaped letter", STR("\\u0041")),
	ACCEPT("escaped last of the plane", STR("\\uFFFF")),
	ACCEPT("lower case digits", STR("\\uabcd\\uef01")),
	ACCEPT("upper case digits", STR("\\uABCD\\uEF23")),
	ACCEPT("mixed digits", STR("\\uaBcD")),
	ACCEPT("escape and digits", STR("\\u00410041")),
	ACCEPT("backslash before the closing quote", STR("a\\\\")),
	ACCEPT("escape in a key", "{" STR("a\\n\\u0041") ":1}"),
	ACCEPT("slashes", STR("http://a/b\\/c")),
	ACCEPT("markup", STR("<script>//</script>")),
	ENDS("quote ends it", 3, STR("a") "b\""),
	ENDS("two backslashes and a quote", 4, STR("\\\\") "x"),
	GOES_ON("opening quote", "\""),
	GOES_ON("escaped quote is no end", "\"a\\\""),
	GOES_ON("backslash at the end", "\"a\\"),
	GOES_ON("u at the end", "\"a\\u"),
	GOES_ON("three digits at the end", "\"a\\u004"),
	GOES_ON("half a character at the end", "\"\xe4\xb8"),
	REJECT("escaped letter a", syntax, 2, STR("\\a")),
	REJECT("escaped v", syntax, 2, STR("\\v")),
	REJECT("escaped e", syntax, 2, STR("\\e")),
	REJECT("escaped x", syntax, 2, STR("\\x41")),
	REJECT("escaped zero", syntax, 2, STR("\\0")),
	REJECT("octal escape", syntax, 2, STR("\\101")),
	REJECT("escaped apostrophe", syntax, 2, STR("\\'")),
	REJECT("escaped capital N", syntax, 2, STR("\\N")),
	REJECT("capital U", syntax, 2, STR("\\U0041")),
	REJECT("escaped space", syntax, 2, STR("\\ ")),
	REJECT("escaped line end", syntax, 2, STR("\\\n")),
	REJECT("escaped NUL byte", syntax, 2, "\"\\\0\""),
	REJECT("escaped tab byte", syntax, 2, STR("\\\t")),
	REJECT("escaped non-ASCII", syntax, 2, STR("\\\xc3\xa9")),
	REJECT("escaped bad byte", syntax, 2, STR("\\\xff")),
	REJECT("escape later", syntax, 10, STR("abc\\ndef\\q")),
	REJECT("u and no digit", syntax, 3, STR("\\u")),
	REJECT("one digit", syntax, 4, STR("\\u1")),
	REJECT("two digits", syntax, 5, STR("\\u12")),
	REJECT("three digits", syntax, 6, STR("\\u123")),
	REJECT("three digits and an escape", syntax, 6, STR("\\u123\\n")),
	REJECT("no digit in first place", syntax, 3, STR("\\uG000")),
	REJECT("no digit in second place", syntax, 4, STR("\\u0g00")),
	REJECT("no digit in third place", syntax, 5, STR("\\u00:0")),
	REJECT("no digit in fourth place", syntax, 6, STR("\\u000/")),
	REJECT("sign within", syntax, 3, STR("\\u+123")),
	REJECT("minus within", syntax, 3, STR("\\u-123")),
	REJECT("space within", syntax, 3, STR("\\u 123")),
	REJECT("at sign is no digit", syntax, 6, STR("\\u000@")),
	REJECT("grave is no digit", syntax, 6, STR("\\u000`")),
	REJECT("x within", syntax, 4, STR("\\u0x41")),
	REJECT("braces", syntax, 3, STR("\\u{41}")),
	REJECT("fullwidth digit", syntax, 6, STR("\\u000\xef\xbc\x91")),
	REJECT("NUL within", syntax, 4, "\"\\u0\0zz\""),
	REJECT("apostrophes", syntax, 0, "'a'"),
	REJECT("typesetters' quotes", syntax, 0, "\xe2\x80\x9cz\xe2\x80\x9d"),
	REJECT("backslash outside a string", syntax, 0, "\\n"),
	REJECT("bad escape in a key", syntax, 4, "{" STR("a\\q") ":1}"),
};

static const struct row surrogates[] = {
	ACCEPT("pair", STR("\\ud83d\\ude00")),
	ACCEPT("pair in capitals", STR("\\uD83D\\uDE00")),
	ACCEPT("first and last pair", STR("\\ud800\\udc00\\udbff\\udfff")),
	ACCEPT("lone high", STR("\\ud800")),
	ACCEPT("lone low", STR("\\udc00")),
	ACCEPT("last of the surrogates", STR("\\udfff")),
	ACCEPT("reversed pair", STR("\\ude00\\ud83d")),
	ACCEPT("two high", STR("\\ud800\\ud800")),
	ACCEPT("high and letter", STR("\\ud800x")),
	ACCEPT("high and short escape", STR("\\ud800\\n")),
	ACCEPT("high and other escape", STR("\\ud800\\u0041")),
	ACCEPT("high and character", STR("\\ud83d\xe4\xb8\xad")),
	ACCEPT("lone in a key", "{" STR("\\udead") ":" STR("\\ud800") "}"),
	REJECT("half of a second escape", syntax, 11, STR("\\ud83d\\ude")),
};

static const struct row controls[] = {
	REJECT("NUL", syntax, 1, "\"\0\""),
	REJECT("01", syntax, 1, STR("\x01")),
	REJECT("bell", syntax, 2, STR("a\x07")),
	REJECT("backspace", syntax, 2, STR("a\x08")),
	REJECT("tab", syntax, 1, STR("\t")),
	REJECT("line feed", syntax, 1, STR("\n")),
	REJECT("vertical tab", syntax, 1, STR("\v")),
	REJECT("form feed", syntax, 1, STR("\f")),
	REJECT("carriage return", syntax, 1, STR("\r")),
	REJECT("escape character", syntax, 1, STR("\x1b[0m")),
	REJECT("record separator", syntax, 1, STR("\x1e")),
	REJECT("1F", syntax, 1, STR("\x1f")),
	REJECT("behind an escape", syntax, 3, STR("\\n\n")),
	REJECT("behind an escaped character", syntax, 7, STR("\\u0041\n")),
	REJECT("behind a character", syntax, 4, STR("\xe4\xb8\xad\n")),
	REJECT("within an escape's digits", syntax, 5, STR("\\u00\n00")),
	REJECT("in a key", syntax, 3, "{" STR("a\n") ":1}"),
	REJECT("before the closing quote", syntax, 4, STR("abc\x1f")),
	REJECT("behind 16 plain bytes", syntax, 17, STR("0123456789abcdef\x10")),
	REJECT("outside a string", syntax, 1, "[\x01]"),
	REJECT("behind a value", syntax, 2, "[1\x02]"),
	REJECT("between key and colon", syntax, 4, "{" STR("a") "\x1f:1}"),
};

static const struct row characters[] = {
	ACCEPT("U+0080", STR("\xc2\x80")),
	ACCEPT("U+0085, a line end elsewhere", STR("\xc2\x85")),
	ACCEPT("U+00E9", STR("\xc3\xa9")),
	ACCEPT("U+07FF", STR("\xdf\xbf")),
	ACCEPT("U+0800", STR("\xe0\xa0\x80")),
	ACCEPT("U+0FFF", STR("\xe0\xbf\xbf")),
	ACCEPT("U+1000", STR("\xe1\x80\x80")),
	ACCEPT("U+2028 and U+2029", STR("\xe2\x80\xa8\xe2\x80\xa9")),
	ACCEPT("U+4E2D U+6587", STR("\xe4\xb8\xad\xe6\x96\x87")),
	ACCEPT("U+CFFF", STR("\xec\xbf\xbf")),
	ACCEPT("U+D7FF, before the surrogates", STR("\xed\x9f\xbf")),
	ACCEPT("U+E000, behind the surrogates", STR("\xee\x80\x80")),
	ACCEPT("U+FEFF", STR("\xef\xbb\xbf")),
	ACCEPT("U+FFFD", STR("\xef\xbf\xbd")),
	ACCEPT("U+FFFE and U+FFFF, noncharacters", STR("\xef\xbf\xbe\xef\xbf\xbf")),
	ACCEPT("U+10000", STR("\xf0\x90\x80\x80")),
	ACCEPT("U+1F600", STR("\xf0\x9f\x98\x80")),
	ACCEPT("U+3FFFF", STR("\xf0\xbf\xbf\xbf")),
	ACCEPT("U+40000", STR("\xf1\x80\x80\x80")),
	ACCEPT("U+FFFFF", STR("\xf3\xbf\xbf\xbf")),
	ACCEPT("U+100000", STR("\xf4\x80\x80\x80")),
	ACCEPT("U+10FFFF", STR("\xf4\x8f\xbf\xbf")),
	ACCEPT("every length in turn", STR("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80z")),
	ACCEPT("in a key", "{" STR("\xe9\x8d\xb5") ":" STR("\xe5\x80\xa4") "}"),
	ACCEPT("behind an escape", STR("\\n\xc3\xa9\\u0041\xc3\xa9")),

	REJECT("lone continuation 80", utf8, 1, STR("\x80")),
	REJECT("lone continuation BF", utf8, 1, STR("\xbf")),
	REJECT("continuation behind a letter", utf8, 2, STR("a\x80")),
	REJECT("two lone continuations", utf8, 1, STR("\x80\x80")),
	REJECT("a continuation too many, of two", utf8, 3, STR("\xc3\xa9\xa9")),
	REJECT("a continuation too many, of three", utf8, 4, STR("\xe4\xb8\xad\x80")),
	REJECT("a continuation too many, of four", utf8, 5, STR("\xf0\x9f\x98\x80\x80")),
	REJECT("continuation behind an escape", utf8, 3, STR("\\n\x80")),
	REJECT("overlong NUL", utf8, 1, STR("\xc0\x80")),
	REJECT("overlong slash", utf8, 1, STR("\xc0\xaf")),
	REJECT("overlong 7F", utf8, 1, STR("\xc1\xbf")),
	REJECT("C0 and a letter", utf8, 1, STR("\xc0z")),
	REJECT("C1 alone", utf8, 1, STR("\xc1")),
	REJECT("overlong in three, of NUL", utf8, 2, STR("\xe0\x80\x80")),
	REJECT("overlong in three, of a slash", utf8, 2, STR("\xe0\x80\xaf")),
	REJECT("overlong in three, U+07FF", utf8, 2, STR("\xe0\x9f\xbf")),
	REJECT("overlong in four, of NUL", utf8, 2, STR("\xf0\x80\x80\x80")),
	REJECT("overlong in four, U+07FF", utf8, 2, STR("\xf0\x80\x9f\xbf")),
	REJECT("overlong in four, U+FFFF", utf8, 2, STR("\xf0\x8f\xbf\xbf")),
	REJECT("surrogate U+D800", utf8, 2, STR("\xed\xa0\x80")),
	REJECT("surrogate U+DB7F", utf8, 2, STR("\xed\xad\xbf")),
	REJECT("surrogate U+DC00", utf8, 2, STR("\xed\xb0\x80")),
	REJECT("surrogate U+DFFF", utf8, 2, STR("\xed\xbf\xbf")),
	REJECT("pair of surrogates", utf8, 2, STR("\xed\xa0\xbd\xed\xb8\x80")),
	REJECT("beyond, U+110000", utf8, 2, STR("\xf4\x90\x80\x80")),
	REJECT("beyond, U+13FFFF", utf8, 2, STR("\xf4\xbf\xbf\xbf")),
	REJECT("beyond, U+140000", utf8, 1, STR("\xf5\x80\x80\x80")),
	REJECT("F6", utf8, 1, STR("\xf6\x80\x80\x80")),
	REJECT("F7", utf8, 1, STR("\xf7\xbf\xbf\xbf")),
	REJECT("five bytes, F8", utf8, 1, STR("\xf8\x88\x80\x80\x80")),
	REJECT("five bytes, FB", utf8, 1, STR("\xfb\xbf\xbf\xbf\xbf")),
	REJECT("six bytes, FC", utf8, 1, STR("\xfc\x84\x80\x80\x80\x80")),
	REJECT("six bytes, FD", utf8, 1, STR("\xfd\xbf\xbf\xbf\xbf\xbf")),
	REJECT("FE", utf8, 1, STR("\xfe")),
	REJECT("FF", utf8, 1, STR("\xff")),
	REJECT("mark of UTF-16", utf8, 1, STR("\xff\xfe")),
	REJECT("Latin-1", utf8, 5, STR("caf\xe9")),
	REJECT("Latin-1 within a word", utf8, 4, STR("cr\xe8me")),
	REJECT("GB 18030", utf8, 2, STR("\xd6\xd0\xce\xc4")),
	REJECT("Shift JIS", utf8, 1, STR("\x93\xfa\x96\x7b")),
	REJECT("two bytes cut by the quote", utf8, 2, STR("\xc2")),
	REJECT("two bytes cut by a letter", utf8, 2, STR("\xc2z")),
	REJECT("two bytes cut by an escape", utf8, 2, STR("\xc2\\n")),
	REJECT("two bytes cut by a control character", utf8, 2, STR("\xc2\n")),
	REJECT("two bytes cut by NUL", utf8, 2, "\"\xc2\0\""),
	REJECT("two bytes cut by another beginning", utf8, 2, STR("\xc2\xc2\x80")),
	REJECT("two bytes, second too low", utf8, 2, STR("\xdf\x7f")),
	REJECT("two bytes, second too high", utf8, 2, STR("\xdf\xc0")),
	REJECT("three bytes cut by the quote", utf8, 2, STR("\xe4")),
	REJECT("three bytes cut by the quote late", utf8, 3, STR("\xe4\xb8")),
	REJECT("three bytes cut by a letter", utf8, 2, STR("\xe4z")),
	REJECT("three bytes cut by a letter late", utf8, 3, STR("\xe4\xb8z")),
	REJECT("three bytes cut by an escape", utf8, 3, STR("\xe4\xb8\\n")),
	REJECT("three bytes cut by a control character", utf8, 3, STR("\xe4\xb8\n")),
	REJECT("three bytes cut by another beginning", utf8, 3,
		STR("\xe4\xb8\xe4\xb8\xad")),
	REJECT("three bytes, E0 cut late", utf8, 3, STR("\xe0\xa0")),
	REJECT("three bytes, ED cut late", utf8, 3, STR("\xed\x9f")),
	REJECT("three bytes, second too low", utf8, 2, STR("\xe1\x7f\x80")),
	REJECT("three bytes, second too high", utf8, 2, STR("\xe1\xc0\x80")),
	REJECT("three bytes, third too high", utf8, 3, STR("\xe1\x80\xc0")),
	REJECT("four bytes cut by the quote", utf8, 2, STR("\xf0")),
	REJECT("four bytes cut by the quote, second", utf8, 3, STR("\xf0\x9f")),
	REJECT("four bytes cut by the quote, third", utf8, 4, STR("\xf0\x9f\x98")),
	REJECT("four bytes cut by a letter", utf8, 2, STR("\xf1z")),
	REJECT("four bytes cut by a letter, second", utf8, 3, STR("\xf1\x80z")),
	REJECT("four bytes cut by a letter, third", utf8, 4, STR("\xf1\x80\x80z")),
	REJECT("four bytes cut by an escape", utf8, 4, STR("\xf0\x9f\x98\\n")),
	REJECT("four bytes cut by NUL", utf8, 3, "\"\xf4\x8f\0\""),
	REJECT("four bytes cut by another beginning", utf8, 4, STR("\xf0\x9f\x98\xf0")),
	REJECT("four bytes, second too low", utf8, 2, STR("\xf1\x7f\x80\x80")),
	REJECT("four bytes, third too high", utf8, 3, STR("\xf1\x80\xc0\x80")),
	REJECT("four bytes, fourth too low", utf8, 4, STR("\xf1\x80\x80\x7f")),
	REJECT("bad byte in a key", utf8, 3, "{" STR("a\xff") ":1}"),
	REJECT("bad byte behind 16 plain bytes", utf8, 17, STR("0123456789abcdef\xff")),
	REJECT("outside a string it is syntax", syntax, 0, "\xc3\xa9"),
	REJECT("a bad byte outside a string too", syntax, 1, "[\xff]"),
	REJECT("a key without quotes", syntax, 1, "{\xe9\x8d\xb5:1}"),
	REJECT("UTF-16 text", syntax, 1, "{\0\"\0a\0\"\0:\09\0}\0"),
};

static const struct row white_space[] = {
	ACCEPT("before the value", " \t\r\n{}"),
	ACCEPT("within an empty array", "[ \t\r\n]"),
	ACCEPT("within an empty object", "{ \t\r\n}"),
	ACCEPT("everywhere in an array", " [ 1 ,\n2 ,\t\"a\" ,\r[ ] ]"),
	ACCEPT("everywhere in an object", " { \"a\" : 1 ,\n\t\"b\"\r\n:\t{ } }"),
	ACCEPT("long run", "[                                                  1]"),
	GOES_ON("nothing", ""),
	GOES_ON("white space alone", " \t\r\n"),
	REJECT("form feed before the value", syntax, 0, "\f1"),
	REJECT("vertical tab before the value", syntax, 0, "\v1"),
	REJECT("NUL before the value", syntax, 0, "\0-1"),
	REJECT("no-break space before the value", syntax, 0, "\xc2\xa0-1"),
	REJECT("byte order mark before the value", syntax, 0, "\xef\xbb\xbf-1"),
	REJECT("U+2028 before the value", syntax, 0, "\xe2\x80\xa8-1"),
	REJECT("next line before the value", syntax, 0, "\xc2\x85-1"),
	REJECT("record separator before the value", syntax, 0, "\x1e-1"),
	REJECT("form feed in an array", syntax, 1, "[\f1]"),
	REJECT("vertical tab behind an element", syntax, 2, "[1\v]"),
	REJECT("no-break space before an element", syntax, 1, "[\xc2\xa0-1]"),
	REJECT("ideographic space behind a comma", syntax, 3, "[1,\xe3\x80\x80-1]"),
	REJECT("U+2028 behind an element", syntax, 2, "[1\xe2\x80\xa8]"),
	REJECT("U+2029 before the end", syntax, 1, "{\xe2\x80\xa9}"),
	REJECT("zero width space before a key", syntax, 1, "{\xe2\x80\x8b\"a\":1}"),
	REJECT("byte order mark before a key", syntax, 1, "{\xef\xbb\xbf\"a\":1}"),
	REJECT("form feed before a colon", syntax, 4, "{\"a\"\f:1}"),
	REJECT("no-break space behind a colon", syntax, 5, "{\"a\":\xc2\xa0-1}"),
	REJECT("NUL between elements", syntax, 3, "[1,\0-1]"),
	REJECT("escaped white space", syntax, 1, "[\\n1]"),
	REJECT("line comment", syntax, 3, "[1,// one\n2]"),
	REJECT("block comment", syntax, 1, "[/**/1]"),
	REJECT("comment before the value", syntax, 0, "/* a */1"),
	REJECT("hash comment", syntax, 1, "{# a\n}"),
};

static const struct row structure[] = {
	ACCEPT("empty object", "{}"),
	ACCEPT("empty array", "[]"),
	ACCEPT("array in an array", "[[]]"),
	ACCEPT("object in an object", "{\"a\":{}}"),
	ACCEPT("array of empty ones", "[[],{},[],{}]"),
	ACCEPT("mixed nesting", "{\"a\":[{\"b\":[[],{\"c\":{}}]},[1]],\"d\":[{}]}"),
	ACCEPT("every kind of element", "[1,\"a\",true,false,null,{},[]]"),
	ACCEPT("every kind of member", "{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":false,"
				       "\"e\":null,\"f\":{},\"g\":[]}"),
	ACCEPT("array behind an object", "[{\"a\":1},[2]]"),
	ACCEPT("back to an object behind an array", "{\"a\":[1,2],\"b\":3}"),
	ACCEPT("back to an array behind an object", "[{\"a\":1},2]"),
	ACCEPT("empty key", "{\"\":1}"),
	ACCEPT("duplicate keys", "{\"a\":1,\"a\":2}"),
	ACCEPT("duplicate keys by an escape", "{\"a\":1,\"\\u0061\":2}"),
	ACCEPT("key like a literal", "{\"null\":null}"),
	ACCEPT("structure within a string", STR("{[]}:,")),
	ACCEPT("the seed's message",
		"{\"send_user\": \"Li\", \"content\": \"\xe4\xbd\xa0\"}"),
	REJECT("comma alone", syntax, 0, ","),
	REJECT("colon alone", syntax, 0, ":"),
	REJECT("closing bracket alone", syntax, 0, "]"),
	REJECT("closing brace alone", syntax, 0, "}"),
	REJECT("parenthesis", syntax, 0, "(1)"),
	REJECT("angle", syntax, 0, "<a/>"),
	REJECT("semicolon", syntax, 0, ";"),
	REJECT("no comma between elements", syntax, 3, "[1 2]"),
	REJECT("no comma between strings", syntax, 4, "[\"a\"\"b\"]"),
	REJECT("no comma between arrays", syntax, 3, "[[][]]"),
	REJECT("no comma between objects", syntax, 3, "[{}{}]"),
	REJECT("semicolon between elements", syntax, 2, "[1;2]"),
	REJECT("comma behind the last element", syntax, 3, "[1,]"),
	REJECT("comma and white space at the end", syntax, 5, "[1 , ]"),
	REJECT("comma before the first element", syntax, 1, "[,1]"),
	REJECT("comma in an empty array", syntax, 1, "[,]"),
	REJECT("two commas", syntax, 3, "[1,,2]"),
	REJECT("colon in an array", syntax, 4, "[\"a\":1]"),
	REJECT("colon behind a number in an array", syntax, 2, "[1:2]"),
	REJECT("array closed by a brace", syntax, 1, "[}"),
	REJECT("filled array closed by a brace", syntax, 2, "[1}"),
	REJECT("array closed by a parenthesis", syntax, 2, "[1)"),
	REJECT("inner array closed by a brace", syntax, 7, "{\"a\":[1}"),
	REJECT("quote within an array", syntax, 2, "[1\"]"),
	REJECT("no comma between members", syntax, 7, "{\"a\":1 \"b\":2}"),
	REJECT("semicolon between members", syntax, 6, "{\"a\":1;\"b\":2}"),
	REJECT("comma behind the last member", syntax, 7, "{\"a\":1,}"),
	REJECT("comma before the first member", syntax, 1, "{,\"a\":1}"),
	REJECT("comma in an empty object", syntax, 1, "{,}"),
	REJECT("two commas between members", syntax, 7, "{\"a\":1,,\"b\":2}"),
	REJECT("no colon", syntax, 5, "{\"a\" 1}"),
	REJECT("no colon and no value", syntax, 4, "{\"a\"}"),
	REJECT("comma for a colon", syntax, 4, "{\"a\",1}"),
	REJECT("equals sign for a colon", syntax, 4, "{\"a\"=1}"),
	REJECT("arrow for a colon", syntax, 5, "{\"a\" => 1}"),
	REJECT("two colons", syntax, 5, "{\"a\"::1}"),
	REJECT("no value", syntax, 5, "{\"a\":}"),
	REJECT("no value before a comma", syntax, 5, "{\"a\":,\"b\":1}"),
	REJECT("second member without a value", syntax, 11, "{\"a\":1,\"b\":}"),
	REJECT("second member without a colon", syntax, 10, "{\"a\":1,\"b\"}"),
	REJECT("key without quotes", syntax, 1, "{a:1}"),
	REJECT("number as a key", syntax, 1, "{1:1}"),
	REJECT("array as a key", syntax, 1, "{[]:1}"),
	REJECT("object as a key", syntax, 1, "{{}:1}"),
	REJECT("apostrophes around a key", syntax, 1, "{'a':1}"),
	REJECT("second key without quotes", syntax, 7, "{\"a\":1,b:2}"),
	REJECT("object closed by a bracket", syntax, 1, "{]"),
	REJECT("filled object closed by a bracket", syntax, 6, "{\"a\":1]"),
	REJECT("inner object closed by a bracket", syntax, 7, "[{\"a\":1]"),
	REJECT("value in an object", syntax, 2, "{ 1}"),
	REJECT("ellipsis", syntax, 3, "[1,...]"),
	REJECT("brace in a member's place", syntax, 7, "{\"a\":1,{}}"),
};

static const struct row endings[] = {
	ENDS("object and line feed", 2, "{}\n"),
	ENDS("object and junk", 7, "{\"a\":1}x"),
	ENDS("object and brace", 2, "{}}"),
	ENDS("array and bracket", 2, "[]]"),
	ENDS("array and comma", 3, "[1],"),
	ENDS("two objects", 2, "{}{}"),
	ENDS("two arrays", 2, "[][]"),
	ENDS("two strings", 3, STR("a") STR("b")),
	ENDS("string and number", 3, STR("a") "1"),
	ENDS("two numbers", 1, "1 2"),
	ENDS("object and bad byte", 2, "{}\xff"),
	ENDS("object and NUL", 2, "{}\0"),
	ENDS("object and record separator", 2, "{}\x1e"),
	ENDS("white space, object, white space", 4, "  {}  "),
	ENDS("key and colon outside an object", 3, STR("a") ":1"),
	ENDS("member list without braces", 3, STR("a") ",1"),
	GOES_ON("opened array", "["),
	GOES_ON("opened object", "{"),
	GOES_ON("element", "[1,"),
	GOES_ON("element without a comma", "[\"a\""),
	GOES_ON("key", "{\"a\""),
	GOES_ON("key and colon", "{\"a\":"),
	GOES_ON("member", "{\"a\":1"),
	GOES_ON("member and comma", "{\"a\":1,"),
	GOES_ON("inner one closed", "{\"a\":{}"),
	GOES_ON("many opened", "[[[[[[[[[["),
};

/*
 * Feeds a copy that ends where its memory ends; one that begins where its memory begins
 * must come out the same.  No path may look beyond what it was given.  (A single byte has
 * one place, and behind several blocks the begin is far.)
 */
static enum scan_result
feed_copy(struct scan *s, const char *bytes, size_t len, size_t *used)
{
	static struct guard guard;
	struct scan twin = *s;
	enum scan_result result;

	if (guard.begin == NULL)
		guard = guard_new(PLACED_MAX);
	*used = SIZE_MAX;
	result = scan_feed(s, guard_place_last(&guard, bytes, len), len, used);
	if (len > 1 && len <= TWIN_MAX) {
		size_t twin_used = SIZE_MAX;

		bytes = (const char *)guard_place_first(&guard, bytes, len);
		EXPECT_INT(result,
			scan_feed(&twin, (const uint8_t *)bytes, len, &twin_used));
		EXPECT_INT(*used, twin_used);
	}
	return result;
}

/* Scans a text in one way of cutting it; the scan begins in a dirty struct. */
static struct outcome
scan_text(const char *text, size_t len, unsigned max_depth, size_t way)
{
	struct outcome o = {.result = SCAN_MORE, .reason = DONT_CARE};
	struct cut cut = cut_begin(way, len);
	struct scan s;

	memset(&s, 0xa5, sizeof s);
	/* Whole blocks are proved soon, or late. */
	scan_begin(&s, max_depth, way % 2 == 0 ? SIZE_MAX : 0);
	do {
		size_t part = cut_next(&cut, len - o.used), used;

		o.result = feed_copy(&s, text + o.used, part, &used);
		EXPECT(used <= part);
		if (o.result == SCAN_MORE)
			EXPECT_INT(part, used);
		o.used += used;
	} while (o.result == SCAN_MORE && o.used < len);
	if (o.result == SCAN_MORE)
		o.may_end = scan_may_end(&s);
	if (o.result == SCAN_BAD) {
		o.reason = s.reason;
		o.error = s.error;
	}
	return o;
}

static const char *
describe(const struct outcome *o, char out[TAP_TEXT_MAX])
{
	static const char *const results[] = {"more", "done", "bad"};
	static const char *const reasons[] = {[REJECT_syntax] = ", syntax",
		[REJECT_utf8] = ", utf8",
		[REJECT_too_deep] = ", too deep",
		[DONT_CARE] = ""};

	(void)snprintf(out, TAP_TEXT_MAX, "%s at %zu%s%s", results[o->result], o->used,
		reasons[o->reason], o->may_end ? ", may end" : "");
	return out;
}

static bool
check_outcome(const struct outcome *expected, const struct outcome *got)
{
	char expected_text[TAP_TEXT_MAX], got_text[TAP_TEXT_MAX];

	if (expected->result == got->result && expected->used == got->used &&
		expected->reason == got->reason && expected->may_end == got->may_end)
		return true;
	return EXPECT_TEXT(describe(expected, expected_text), describe(got, got_text));
}

static struct outcome
done_at(size_t used)
{
	return (struct outcome){.result = SCAN_DONE, .used = used, .reason = DONT_CARE};
}

static struct outcome
bad_at(size_t used, enum reject_reason reason)
{
	return (struct outcome){.result = SCAN_BAD, .used = used, .reason = reason};
}

static bool
check_text(struct outcome expected, const char *text, size_t len, unsigned max_depth,
	size_t way)
{
	struct outcome got = scan_text(text, len, max_depth, way);

	return check_outcome(&expected, &got);
}

/* The whole text as expected, and every other way like the whole. */
static void
check_row(const struct row *row)
{
	struct outcome whole = scan_text(row->text, row->len, DEPTH, CUT_WHOLE);

	if (!check_outcome(&row->expected, &whole))
		return;
	EXPECT((whole.result == SCAN_BAD) == (whole.error != NULL));
	for (size_t way = CUT_BYTES; way < cut_ways(row->len); way++) {
		struct outcome o = scan_text(row->text, row->len, DEPTH, way);

		tap_context("way %zu of %s", way, row->text);
		if (!check_outcome(&whole, &o) || !EXPECT_TEXT(whole.error, o.error))
			return;
	}
}

static void
check_rows(const char *topic, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tap_begin("%s: %s", topic, rows[i].name);
		check_row(&rows[i]);
		tap_end();
	}
}

static void
errors_say_what_was_expected(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{"x", "expected a value"},
		{"[1 2]", "expected ',' or ']'"},
		{"{\"a\":1 2}", "expected ',' or '}'"},
		{"{1}", "expected a key in quotes"},
		{"{\"a\" 1}", "expected ':'"},
		{"-x", "expected a digit"},
		{"01", "a digit behind a leading zero"},
		{"trux", "expected true, false or null"},
		{STR("\\q"), "unknown escape in a string"},
		{STR("\\ux"), "expected four hexadecimal digits behind \\u"},
		{STR("\n"), "a control character in a string"},
		{STR("\xff"), "a character that is not valid UTF-8"},
		{STR("\xc2"), "a character that is not valid UTF-8"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t len = strlen(rows[i].text);

		EXPECT_TEXT(rows[i].error, scan_text(rows[i].text, len, DEPTH, 0).error);
	}
}

/* No beginning of a value is refused, and none is taken for the whole. */
static void
every_beginning_goes_on(void)
{
	static const char *const texts[] = {
		"{\"user\":\"\xe6\x9d\x8e\",\"n\":[0,-1.5e+10,2E-3],\"ok\":true}",
		" \n[\"\\u00e9\\ud83d\\ude00\\n\",\"\xf0\x9f\x98\x80\",null, false ,{}]",
		"{\"a\":{\"b\":[[],[{\"c\":{}}]],\"\":\"\"},\"a\":[[[1]]]}",
		"{\r\n\t\"pretty\" : [\r\n\t\t1 ,\r\n\t\t\"x\"\r\n\t]\r\n}",
		"\"\xc3\xa9\\\"\xe4\xb8\xad and a longer run of plain text \\u0041\"",
		"true",
		"false",
		"null",
		"-120.25e-17",
		"0",
	};

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		size_t len = strlen(texts[i]);
		/* A number may be over and may go on: it is not done at its end. */
		bool is_number = strchr("-0", texts[i][0]) != NULL;

		for (size_t end = 0; end < len + is_number; end++) {
			struct outcome o = scan_text(texts[i], end, DEPTH, CUT_WHOLE);

			tap_context("%zu bytes of %s", end, texts[i]);
			EXPECT_INT(SCAN_MORE, o.result);
			EXPECT_INT(end, o.used);
			EXPECT(!o.may_end || is_number);
		}
	}
}

/* The pattern is turned by a bit every 64 levels, since a stack of bits may be in words.
 */
static bool
is_object_at(uint64_t pattern, unsigned level)
{
	return (pattern >> ((level + level / 64) % 64)) & 1;
}

/* Objects and arrays as the bits of `pattern` have it, and where each begins and ends. */
struct nest {
	char text[NEST_TEXT_MAX];
	size_t len;
	size_t opens[SCAN_DEPTH_MAX + 1], closes[SCAN_DEPTH_MAX + 1];
};

static void
build_nest(struct nest *n, unsigned depth, uint64_t pattern)
{
	n->len = 0;
	for (unsigned i = 0; i < depth; i++) {
		bool object = is_object_at(pattern, i);

		n->opens[i] = n->len;
		n->len += (size_t)sprintf(n->text + n->len, object ? "{\"k\":" : "[1,");
	}
	n->text[n->len++] = '0';
	for (unsigned i = depth; i-- > 0;) {
		n->closes[i] = n->len;
		n->text[n->len++] = is_object_at(pattern, i) ? '}' : ']';
	}
}

static void
check_nest(unsigned max_depth, uint64_t pattern, size_t way)
{
	static struct nest n;

	tap_context("depth %u, pattern %llx", max_depth, (unsigned long long)pattern);
	build_nest(&n, max_depth + 1, pattern);
	check_text(bad_at(n.opens[max_depth], REJECT_too_deep), n.text, n.len, max_depth,
		way);
	build_nest(&n, max_depth, pattern);
	check_text(done_at(n.len), n.text, n.len, max_depth, way);
	/* The wrong end at any level is refused at that place. */
	for (unsigned i = 0; i < max_depth; i++) {
		size_t at = n.closes[i];

		n.text[at] ^= '}' ^ ']';
		check_text(
			bad_at(at, REJECT_syntax), n.text, n.len, max_depth, CUT_WHOLE);
		n.text[at] ^= '}' ^ ']';
	}
}

static void
nesting_up_to_the_limit(void)
{
	static const unsigned depths[] = {1, 2, 3, 63, 64, 65, 127, 128, 129, 512,
		SCAN_DEPTH_MAX - 1, SCAN_DEPTH_MAX};
	uint64_t random = 1;

	for (size_t i = 0; i < COUNT_OF(depths); i++) {
		const uint64_t patterns[] = {0, UINT64_MAX, UINT64_C(0x5555555555555555),
			random_next(&random)};

		for (size_t j = 0; j < COUNT_OF(patterns); j++) {
			check_nest(depths[i], patterns[j], CUT_WHOLE);
			check_nest(depths[i], patterns[j], CUT_BYTES);
		}
	}
}

/* Breadth is no depth: what was closed can be opened again. */
static void
nesting_counts_only_what_is_open(void)
{
	static const char text[] = "[[],{},[[]],[{}]]";
	size_t len = sizeof text - 1;

	check_text(done_at(len), text, len, 3, CUT_WHOLE);
	check_text(bad_at(8, REJECT_too_deep), text, len, 2, CUT_WHOLE);
	check_text(done_at(1), "1 ", 2, 1, CUT_WHOLE);
}

/* What stands in a run of plain bytes, and how far the scan gets into it. */
struct special {
	const char *name;
	const char *bytes;
	size_t used;
	enum scan_result result;
	enum reject_reason reason;
};

static const struct special specials[] = {
	{"a quote", "\"", 1, SCAN_DONE, DONT_CARE},
	{"an escape", "\\t", 2, SCAN_MORE, DONT_CARE},
	{"an escaped quote", "\\\"", 2, SCAN_MORE, DONT_CARE},
	{"an escaped character", "\\u4e2d", 6, SCAN_MORE, DONT_CARE},
	{"a character of two bytes", "\xc3\xa9", 2, SCAN_MORE, DONT_CARE},
	{"a character of three bytes", "\xe4\xb8\xad", 3, SCAN_MORE, DONT_CARE},
	{"a character of four bytes", "\xf0\x9f\x98\x80", 4, SCAN_MORE, DONT_CARE},
	{"DEL", "\x7f", 1, SCAN_MORE, DONT_CARE},
	{"an unknown escape", "\\q", 1, SCAN_BAD, REJECT_syntax},
	{"control character 01", "\x01", 0, SCAN_BAD, REJECT_syntax},
	{"control character 1F", "\x1f", 0, SCAN_BAD, REJECT_syntax},
	{"a line feed", "\n", 0, SCAN_BAD, REJECT_syntax},
	{"a lone continuation", "\x80", 0, SCAN_BAD, REJECT_utf8},
	{"a byte that is never used", "\xff", 0, SCAN_BAD, REJECT_utf8},
	{"an overlong character", "\xc0\x80", 0, SCAN_BAD, REJECT_utf8},
	{"a character cut short", "\xe4\xb8.", 2, SCAN_BAD, REJECT_utf8},
};

/* What stands around the string: with more behind it the scanner takes other ways. */
static const struct shell {
	const char *before, *behind;
} shells[] = {
	{"", ""},
	{"[", ",                    0]"},
	{"{", ":                    0}"},
};

static void
check_special_at(const struct special *special, const struct shell *shell, size_t at,
	size_t plain_len)
{
	/* With the neighbours of every byte that is special. */
	static const char plain[] = " !#[]^\x7f~az09{}:,/ !#[]^\x7f~az09{}:,/"
				    " !#[]^\x7f~az09{}:,/ !#[]^\x7f~az09{}:,/ !#[]^";
	_Static_assert(sizeof plain > PLAIN_MAX, "the plain text is too short");
	size_t place = strlen(shell->before) + 1 + at;
	struct outcome expected = bad_at(place + special->used, special->reason);
	const size_t ways[] = {
		CUT_WHOLE, CUT_BYTES, CUT_IN_TWO(place), CUT_IN_TWO(place + 1)};
	char text[PLAIN_MAX + 64];
	size_t len = (size_t)snprintf(text, sizeof text, "%s\"%.*s%s%.*s\"%s",
		shell->before, (int)at, plain, special->bytes, (int)(plain_len - at),
		plain + at, shell->behind);

	if (special->result != SCAN_BAD)
		expected = done_at(special->result == SCAN_DONE ? expected.used : len);
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		tap_context("at %zu of %zu, way %zu", at, plain_len, ways[i]);
		check_text(expected, text, len, DEPTH, ways[i]);
	}
}

static void
specials_in_plain_runs(void)
{
	for (size_t i = 0; i < COUNT_OF(specials); i++) {
		/* A string that ends early leaves another text behind in each shell. */
		size_t shell_count =
			specials[i].result == SCAN_DONE ? 1 : COUNT_OF(shells);

		tap_begin("plain run: %s at every place", specials[i].name);
		for (size_t shell = 0; shell < shell_count; shell++)
			for (size_t len = 0; len <= PLAIN_MAX; len++)
				for (size_t at = 0; at <= len; at++)
					check_special_at(
						&specials[i], &shells[shell], at, len);
		tap_end();
	}
}

/* Every control character is refused and every other ASCII character has its meaning. */
static void
each_byte_within_a_long_string(void)
{
	for (int c = 0; c < 256; c++) {
		char text[] = "\"0123456789abcdefghi.0123456789abcdefghi\"";
		size_t len = sizeof text - 1;
		struct outcome expected = done_at(len);

		text[20] = (char)c;
		if (c < 0x20)
			expected = bad_at(20, REJECT_syntax);
		else if (c == '"')
			expected = done_at(21);
		else if (c == '\\')
			expected = bad_at(21, REJECT_syntax);
		else if (c >= 0x80)
			expected = bad_at(c >= 0xc2 && c <= 0xf4 ? 21 : 20, REJECT_utf8);
		tap_context("byte %02x", (unsigned)c);
		check_text(expected, text, len, DEPTH, CUT_WHOLE);
	}
}

static size_t
encode(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static bool
is_surrogate(uint32_t code)
{
	return code >= 0xd800 && code <= 0xdfff;
}

static void
every_code_point(void)
{
	struct scan s;

	for (uint32_t code = 0x80; code <= 0x10ffff; code++) {
		char text[6] = "\"";
		size_t len = encode(code, text + 1), used;
		enum scan_result result;

		text[1 + len] = '"';
		scan_begin(&s, DEPTH, 0);
		result = scan_feed(&s, (const uint8_t *)text, len + 2, &used);
		if (result != (is_surrogate(code) ? SCAN_BAD : SCAN_DONE))
			tap_fail(__FILE__, __LINE__, "U+%04X: result %d", code, result);
	}
}

/* The oracle: bytes are valid where decoding and encoding them again gives the same. */
static bool
is_utf8(const char *bytes, size_t len)
{
	const uint8_t *p = (const uint8_t *)bytes, *end = p + len;

	while (p < end) {
		size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
		uint32_t code = n == 1 ? *p : *p & (0x7fu >> n);
		char again[4];

		if (p + n > end)
			return false;
		for (size_t i = 1; i < n; i++)
			code = code << 6 | (p[i] & 0x3fu);
		if (code > 0x10ffff || is_surrogate(code) || encode(code, again) != n ||
			memcmp(again, p, n) != 0)
			return false;
		p += n;
	}
	return true;
}

/* Every first byte, and behind it the bytes at the edges of every range. */
static void
every_kind_of_sequence(void)
{
	static const char edges[] = "A\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xe0\xf0\xff";
	const size_t n = sizeof edges - 1;

	for (size_t i = 0; i < 128 * n * n * n; i++) {
		char text[6] = {'"', (char)(0x80 + i / (n * n * n)), edges[i / n / n % n],
			edges[i / n % n], edges[i % n], '"'};
		bool valid = is_utf8(text + 1, 4);
		struct outcome o = scan_text(text, sizeof text, DEPTH, CUT_WHOLE);

		if (o.result != (valid ? SCAN_DONE : SCAN_BAD) ||
			o.reason != (valid ? DONT_CARE : REJECT_utf8))
			tap_fail(__FILE__, __LINE__, "%02x %02x %02x %02x: result %d",
				text[1] & 0xff, text[2] & 0xff, text[3] & 0xff,
				text[4] & 0xff, o.result);
	}
}

/* Plain bytes, with the neighbours of every byte that is special. */
static void
fill_plain(char *out, size_t len)
{
	static const char plain[] = " !#[]^\x7f~az09{}:,/";

	for (size_t i = 0; i < len; i++)
		out[i] = plain[i % (sizeof plain - 1)];
}

/* A text is put together in it. */
struct builder {
	char text[PLACED_MAX];
	size_t len;
};

static void
add_bytes(struct builder *b, const char *bytes, size_t len)
{
	memcpy(b->text + b->len, bytes, len);
	b->len += len;
}

static void
add_text(struct builder *b, const char *text)
{
	add_bytes(b, text, strlen(text));
}

static void
add_run(struct builder *b, char c, size_t len)
{
	memset(b->text + b->len, c, len);
	b->len += len;
}

/* Behind the first bytes blocks are proved at once, of so many bytes at the most. */
enum { UNPROVED_BYTES = 256, PROVED_BYTES = 512 };

static void
add_plain(struct builder *b, size_t len)
{
	fill_plain(b->text + b->len, len);
	b->len += len;
}

/* Whole, and in two with the cut before, within and behind what stands at `place`. */
static void
check_around(const struct builder *b, struct outcome expected, size_t place)
{
	const size_t ways[] = {CUT_WHOLE, CUT_IN_TWO(place), CUT_IN_TWO(place + 1),
		CUT_IN_TWO(place + 2)};

	for (size_t i = 0; i < COUNT_OF(ways); i++)
		check_text(expected, b->text, b->len, DEPTH, ways[i]);
}

/* How much of other text follows what a place is tried with. */
static const size_t tails[] = {0, 1, 15, 32, 65};

/* A row about a string with a run of plain bytes put in behind its opening quote. */
static void
check_row_at(const struct row *row, size_t at)
{
	/* What is over, well or badly, does not look at what follows. */
	bool is_over = row->expected.result != SCAN_MORE;
	struct outcome expected = row->expected;

	expected.used += at;
	for (size_t i = 0; i < (is_over ? COUNT_OF(tails) : 1); i++) {
		struct builder b = {.len = 0};

		add_text(&b, "\"");
		add_plain(&b, at);
		add_bytes(&b, row->text + 1, row->len - 1);
		add_plain(&b, is_over ? tails[i] : 0);
		tap_context("%s at %zu, %zu behind", row->name, at, tails[i]);
		check_around(&b, expected, 1 + at);
	}
}

static void
rows_at_every_place(const char *topic, const struct row *rows, size_t count)
{
	tap_begin("%s: each row again, at every place of a run", topic);
	for (size_t i = 0; i < count; i++)
		if (rows[i].text[0] == '"' && rows[i].expected.used > 0)
			for (size_t at = 0; at < PLACES; at++)
				check_row_at(&rows[i], at);
	tap_end();
}

/* What a byte within a string of plain ones makes of it; `place` is its own. */
static struct outcome
outcome_of_byte(unsigned c, size_t place, size_t len)
{
	if (c < 0x20)
		return bad_at(place, REJECT_syntax);
	if (c == '"')
		return done_at(place + 1);
	if (c == '\\')
		return bad_at(place + 1, REJECT_syntax);
	if (c >= 0x80)
		return bad_at(c >= 0xc2 && c <= 0xf4 ? place + 1 : place, REJECT_utf8);
	return done_at(len);
}

/* All 32 control characters, DEL, every other: all that a vector has to tell apart. */
static void
every_byte_at_every_place(void)
{
	for (unsigned c = 0; c < 256; c++) {
		for (size_t i = 0; i < PLACES * COUNT_OF(tails); i++) {
			size_t at = i / COUNT_OF(tails);
			struct builder b = {.len = 0};

			add_text(&b, "\"");
			add_plain(&b, at);
			add_run(&b, (char)c, 1);
			add_text(&b, "~");
			add_plain(&b, tails[i % COUNT_OF(tails)]);
			add_text(&b, "\"");
			tap_context("byte %02x at %zu of %zu", c, at, b.len);
			check_text(outcome_of_byte(c, 1 + at, b.len), b.text, b.len,
				DEPTH, CUT_WHOLE);
		}
	}
}

/* Whether this byte's turn is at this place: with 7, all have all places in a block. */
static bool
is_turn(unsigned c, size_t at)
{
	return (c + at) % 7 == 0;
}

/* A byte behind a backslash, or in the place of a digit of \u0000. */
static void
every_byte_of_an_escape(void)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (size_t i = 0; i < 256 * PLACES; i++) {
		unsigned c = (unsigned)(i % 256);
		size_t at = i / 256;
		bool is_short = c != 0 && strchr("\"\\/bfnrt", (int)c) != NULL;
		bool is_digit = c != 0 && strchr(digits, (int)c) != NULL;

		for (size_t digit = 0; digit <= 4 && is_turn(c, at); digit++) {
			struct builder b = {.len = 0};
			size_t place = 1 + at + (digit == 0 ? 1 : 1 + digit);

			add_text(&b, "\"");
			add_plain(&b, at);
			add_text(&b, digit == 0 ? "\\n" : "\\u0000");
			b.text[place] = (char)c;
			add_text(&b, "\"");
			if (digit == 0 && c == 'u')
				place++; /* the quote is no digit */
			tap_context("byte %02x for %zu at %zu", c, digit, at);
			check_text((digit == 0 ? is_short : is_digit)
					   ? done_at(b.len)
					   : bad_at(place, REJECT_syntax),
				b.text, b.len, DEPTH, CUT_WHOLE);
		}
	}
}

/* A wrong byte in each place of a literal, with little or much behind it. */
static void
every_byte_of_a_literal(void)
{
	static const char *const all[] = {"true", "false", "null"};

	for (size_t i = 0; i < COUNT_OF(all) * COUNT_OF(tails) * 256; i++) {
		const char *literal = all[i / 256 / COUNT_OF(tails)];
		char c = (char)(i % 256);

		for (size_t at = 1; at < strlen(literal); at++) {
			struct builder b = {.len = 0};

			if (c == literal[at])
				continue;
			add_text(&b, "[");
			add_text(&b, literal);
			b.text[1 + at] = c;
			add_run(&b, ' ', tails[i / 256 % COUNT_OF(tails)]);
			add_text(&b, "]");
			tap_context("byte %02x at %zu of %s", c & 0xffu, at, literal);
			check_text(bad_at(1 + at, REJECT_syntax), b.text, b.len, DEPTH,
				CUT_WHOLE);
		}
	}
}

/* Whether some character begins with these bytes, by having encoded them all. */
static bool
is_beginning(const char *bytes, size_t len)
{
	static uint8_t begins[3][1 << 21]; /* a bit for up to three bytes */
	static bool is_filled;
	uint32_t number = 0;

	for (uint32_t code = 0; !is_filled && code <= 0x10ffff; code++) {
		char text[4];
		size_t n = encode(code, text);

		number = 0;
		for (size_t i = 0; i < n && i < 3 && !is_surrogate(code); i++) {
			number = number << 8 | (uint8_t)text[i];
			begins[i][number / 8] |= (uint8_t)(1 << number % 8);
		}
	}
	is_filled = true;
	number = 0;
	for (size_t i = 0; i < len; i++)
		number = number << 8 | (uint8_t)bytes[i];
	return (begins[len - 1][number / 8] >> number % 8) & 1;
}

/* Where a text stops to be valid UTF-8; its length: nowhere. */
static size_t
utf8_bad_at(const char *bytes, size_t len)
{
	size_t begin = 0;

	for (size_t at = 0; at < len; at++) {
		size_t n = at + 1 - begin;

		if (n < 4 ? !is_beginning(bytes + begin, n) : (bytes[at] & 0xc0) != 0x80)
			return at;
		if (is_utf8(bytes + begin, n))
			begin = at + 1;
	}
	return len;
}

/* Every first and every second byte, and behind them the edges of a continuation. */
static void
every_beginning_of_a_sequence(void)
{
	static const char edges[] = "A\x7f\x80\xbf\xc0";
	const size_t n = sizeof edges - 1;

	for (size_t i = 0; i < (size_t)128 * 256 * n * n; i++) {
		char text[6] = {'"', (char)(0x80 + i / (256 * n * n)),
			(char)(i / (n * n) % 256), edges[i / n % n], edges[i % n], '"'};
		size_t bad = utf8_bad_at(text + 1, 5);
		struct outcome o;

		/* Only characters are asked for here. */
		if ((uint8_t)text[2] < 0x80 && text[2] != 'A')
			continue;
		o = scan_text(text, sizeof text, DEPTH, CUT_WHOLE);
		if (bad < 5 ? o.result != SCAN_BAD || o.used != 1 + bad
			    : o.result != SCAN_DONE)
			tap_fail(__FILE__, __LINE__,
				"%02x %02x %02x %02x: result %d at %zu", text[1] & 0xff,
				text[2] & 0xff, text[3] & 0xff, text[4] & 0xff, o.result,
				o.used);
	}
}

/* The tokens of a text, for what may stand between them. */
static const char *const tokens[] = {"{", "\"a\"", ":", "[", "1", ",", "true", ",",
	"\"x\"", ",", "{", "}", ",", "[", "]", "]", ",", "\"b\"", ":", "null", "}"};

/* Builds the text with `filler` before the token `gap`; answers where it stands. */
static size_t
build_tokens(struct builder *b, size_t gap, const char *filler, size_t filler_len)
{
	size_t place = 0;

	b->len = 0;
	for (size_t i = 0; i < COUNT_OF(tokens); i++) {
		if (i == gap) {
			place = b->len;
			add_bytes(b, filler, filler_len);
		}
		add_text(b, tokens[i]);
	}
	return place;
}

static void
white_space_between_all_tokens(void)
{
	static const char white[] = " \t\n\r";
	struct builder b;
	char run[PLACES];

	for (size_t gap = 0; gap < COUNT_OF(tokens); gap++) {
		for (size_t kind = 0; kind <= 4; kind++) {
			for (size_t len = 0; len < PLACES; len++) {
				for (size_t i = 0; i < len; i++)
					run[i] = white[kind < 4 ? kind : i % 4];
				(void)build_tokens(&b, gap, run, len);
				tap_context("%zu of kind %zu before token %zu", len, kind,
					gap);
				check_text(
					done_at(b.len), b.text, b.len, DEPTH, CUT_WHOLE);
			}
		}
	}
}

/* What looks like white space, or is some elsewhere. */
static const struct {
	const char *bytes;
	size_t len;
} no_white_space[] = {
	{"\0", 1},
	{"\x01", 1},
	{"\b", 1},
	{"\v", 1},
	{"\f", 1},
	{"\x1b", 1},
	{"\x1c", 1},
	{"\x1e", 1},
	{"\x1f", 1},
	{"\x7f", 1},
	{"\x85", 1},
	{"\xa0", 1},
	{"\xc2\x85", 2},     /* next line */
	{"\xc2\xa0", 2},     /* no-break space */
	{"\xe1\x9a\x80", 3}, /* ogham space mark */
	{"\xe2\x80\x83", 3}, /* em space */
	{"\xe2\x80\x8b", 3}, /* zero width space */
	{"\xe2\x80\xa8", 3}, /* line separator */
	{"\xe2\x80\xa9", 3}, /* paragraph separator */
	{"\xe3\x80\x80", 3}, /* ideographic space */
	{"\xef\xbb\xbf", 3}, /* byte order mark */
	{"\\n", 2},
	{"/**/", 4},
	{"//\n", 3},
	{"#\n", 2},
};

/* Alone, and behind runs of white space; before the first token too. */
static void
no_white_space_between_tokens(void)
{
	struct builder b, filler;

	for (size_t i = 0; i < COUNT_OF(no_white_space) * COUNT_OF(tokens); i++) {
		size_t kind = i / COUNT_OF(tokens), gap = i % COUNT_OF(tokens);

		for (size_t len = 0; len < PLACES; len++) {
			size_t place;

			filler.len = 0;
			add_run(&filler, len % 2 == 0 ? ' ' : '\n', len);
			add_bytes(&filler, no_white_space[kind].bytes,
				no_white_space[kind].len);
			place = build_tokens(&b, gap, filler.text, filler.len) + len;
			tap_context(
				"kind %zu behind %zu before token %zu", kind, len, gap);
			check_text(bad_at(place, REJECT_syntax), b.text, b.len, DEPTH,
				CUT_WHOLE);
		}
	}
}

/* What a byte behind the digits of a number's part makes of it at the top level. */
static struct outcome
outcome_behind_digits(unsigned c, const char *part, size_t len)
{
	bool is_integer = strpbrk(part, ".e") == NULL, is_exponent = strchr(part, 'e');
	struct outcome goes_on = {
		.result = SCAN_MORE, .used = len + 1, .reason = DONT_CARE};

	goes_on.may_end = c >= '0' && c <= '9';
	if (goes_on.may_end || (c == '.' && is_integer) ||
		((c == 'e' || c == 'E') && !is_exponent))
		return goes_on;
	return done_at(len);
}

static void
long_runs_of_digits(void)
{
	static const char *const parts[] = {"", "-", "0.", "-1.", "1e", "1.5E+"};

	for (size_t i = 0; i < COUNT_OF(parts) * PLACES; i++) {
		const char *part = parts[i / PLACES];
		struct builder b = {.len = 0};

		add_text(&b, part);
		for (size_t n = 0; n <= i % PLACES; n++)
			add_run(&b, (char)('1' + n % 9), 1);
		for (unsigned c = 0; c < 256; c++) {
			struct outcome expected;

			if (!is_turn(c, b.len))
				continue;
			b.text[b.len] = (char)c;
			expected = outcome_behind_digits(
				c, strchr(part, 'E') != NULL ? "e" : part, b.len);
			tap_context(
				"%s and %zu digits, byte %02x", part, 1 + i % PLACES, c);
			check_text(expected, b.text, b.len + 1, DEPTH, CUT_WHOLE);
			check_text(expected, b.text, b.len + 1, DEPTH, CUT_IN_TWO(b.len));
		}
	}
}

/* Runs of thousands of bytes, and what ends them well or badly. */
static void
very_long_runs(void)
{
	static const struct {
		const char *before, *behind, *bad;
		char c;
	} rows[] = {
		{"[", "1]", "\v", ' '},
		{"{", "}", "]", '\n'},
		{"[1", ",2]", "1", '\t'},
		{"[-", "]", "-", '7'},
		{"[0.", "e1]", ".", '0'},
		{"[1e", "]", "e", '0'},
		{"[\"", "\"]", "\x1f", 'x'},
		{"{\"", "\":1}", "\n", 'x'},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t len = PLACED_MAX - 200; len < PLACED_MAX - 64; len++) {
			struct builder b = {.len = 0};
			size_t place;

			add_text(&b, rows[i].before);
			add_run(&b, rows[i].c, len);
			place = b.len;
			add_text(&b, rows[i].behind);
			tap_context("row %zu, %zu bytes", i, len);
			check_text(done_at(b.len), b.text, b.len, DEPTH, CUT_WHOLE);
			check_text(done_at(b.len), b.text, b.len, DEPTH,
				CUT_IN_TWO(len / 2));
			b.len = place;
			add_text(&b, rows[i].bad);
			check_text(bad_at(place, REJECT_syntax), b.text, b.len, DEPTH,
				CUT_WHOLE);
		}
	}
}

/* A text with a run of every kind, longer than any vector. */
static void
build_rich(struct builder *b)
{
	b->len = 0;
	add_text(b, "{\"");
	add_plain(b, 75);
	add_text(b, "\\u00e9\\ud83d\\ude00\":");
	add_run(b, ' ', 70);
	add_text(b, "[");
	add_run(b, '8', 68);
	add_text(b, ".");
	add_run(b, '0', 66);
	add_text(b, "e-");
	add_run(b, '0', 65);
	add_text(b, ",\t\"");
	for (size_t i = 0; i < 30; i++)
		add_text(b, "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80");
	add_text(b, "\",{},[[],null, true\r\n,false],\"");
	for (size_t i = 0; i < 30; i++)
		add_text(b, "\\\\\\\"");
	add_text(b, "\"],\"\":{\"a\":{\"a\":");
	add_run(b, '[', 50);
	add_run(b, ']', 50);
	add_text(b, "}}}");
}

/* Each proper beginning of it goes on, however it is cut, and the whole is done. */
static void
every_beginning_of_a_rich_text(void)
{
	static struct builder b;

	build_rich(&b);
	for (size_t end = 0; end <= b.len; end++) {
		struct outcome expected = {
			.result = SCAN_MORE, .used = end, .reason = DONT_CARE};

		if (end == b.len)
			expected.result = SCAN_DONE;
		tap_context("%zu bytes of %zu", end, b.len);
		check_text(expected, b.text, end, DEPTH, CUT_WHOLE);
		check_text(expected, b.text, end, DEPTH, CUT_IN_TWO(end / 2));
		check_text(
			expected, b.text, end, DEPTH, CUT_IN_TWO(end > 0 ? end - 1 : 0));
	}
	check_text(done_at(b.len), b.text, b.len, DEPTH, CUT_BYTES);
	for (size_t at = 0; at <= b.len; at++)
		check_text(done_at(b.len), b.text, b.len, DEPTH, CUT_IN_TWO(at));
}

/* Every text of up to six of a number's characters, against a regular expression. */
static void
every_short_number(void)
{
	static const char alphabet[] = "-+01.eE";
	regex_t number;

	if (!EXPECT_INT(0,
		    regcomp(&number, "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$",
			    REG_EXTENDED | REG_NOSUB)))
		return;
	for (size_t len = 1, count = 7; len <= 6; len++, count *= 7) {
		for (size_t i = 0; i < count; i++) {
			char text[10] = "[";
			struct outcome o;
			bool valid;

			for (size_t j = 0, rest = i; j < len; j++, rest /= 7)
				text[1 + j] = alphabet[rest % 7];
			valid = regexec(&number, text + 1, 0, NULL, 0) == 0;
			text[1 + len] = ']';
			o = scan_text(text, len + 2, DEPTH, CUT_WHOLE);
			if (o.result != (valid ? SCAN_DONE : SCAN_BAD))
				tap_fail(__FILE__, __LINE__, "%s: result %d", text,
					o.result);
		}
	}
	regfree(&number);
}

/* The oracle: the grammar over letters, where s is a string and 1 a number. */
static const char *
read_tokens(const char *p)
{
	char end = *p == '[' ? ']' : '}';

	if (*p == 's' || *p == '1')
		return p + 1;
	if (*p != '[' && *p != '{')
		return NULL;
	if (p[1] == end)
		return p + 2;
	do {
		p++;
		if (end == '}') {
			if (p[0] != 's' || p[1] != ':')
				return NULL;
			p += 2;
		}
		p = read_tokens(p);
	} while (p != NULL && *p == ',');
	return p != NULL && *p == end ? p + 1 : NULL;
}

/* Writes letters as the tokens they stand for; ends[n] is where the n-th token ends. */
static size_t
write_tokens(const char *letters, char *text, size_t *ends)
{
	size_t len = 0;

	for (size_t i = 0; letters[i] != '\0'; i++) {
		if (letters[i] == 's') {
			text[len++] = '"';
			text[len++] = '"';
		} else {
			text[len++] = letters[i];
		}
		ends[i + 1] = len;
		if (letters[i] == '1')
			text[len++] = ' ';
	}
	return len;
}

static void
every_short_token_sequence(void)
{
	static const char alphabet[] = "[]{},:s1";
	char letters[8] = "", text[16];

	for (size_t count = 8, n = 1; n <= 6; n++, count *= 8) {
		for (size_t i = 0; i < count; i++) {
			size_t len, ends[8] = {0};
			const char *end;
			struct outcome o;

			for (size_t j = 0, rest = i; j < n; j++, rest /= 8)
				letters[j] = alphabet[rest % 8];
			len = write_tokens(letters, text, ends);
			end = read_tokens(letters);
			o = scan_text(text, len, DEPTH, CUT_WHOLE);
			if ((o.result == SCAN_DONE) != (end != NULL) ||
				(end != NULL && o.used != ends[end - letters]))
				tap_fail(__FILE__, __LINE__, "%s: result %d at %zu",
					letters, o.result, o.used);
		}
	}
}

/*
 * Objects and arrays of every kind of token, as dense as services write them; or hardly
 * more than brackets.
 */
static void
add_dense(struct builder *b, uint64_t *random, unsigned depth, bool of_brackets)
{
	enum { OF_BRACKETS = 3 };
	static const char *const values[] = {"[]", "[[],{}]",
		"[[[]],{\"\":[{},1]},[[],[]]]", "0", "-1.5e+10", "12345678901234567890",
		"1E5", "-0.0", "true", "false", "null", STR(""), STR("plain text"),
		STR("a longer run of plain text, with {[,:]} in it"),
		STR("\\u00e9\\ud83d\\ude00"), STR("\\\\"), STR("\\\\\\\"\\n"),
		STR("\xe6\xb6\x88\xe6\x81\xaf"), STR("\xf0\x9f\x98\x80\xc2\xb0"), "{}"};
	static const char *const gaps[] = {"", "", "", " ", "\n\t"};
	bool in_object = random_below(random, 2) != 0;
	size_t count = 1 + random_below(random, 6);

	add_text(b, in_object ? "{" : "[");
	for (size_t i = 0; i < count; i++) {
		add_text(b, i > 0 ? "," : "");
		add_text(b, gaps[random_below(random, COUNT_OF(gaps))]);
		if (in_object) {
			add_text(b, STR("key"));
			add_text(b, gaps[random_below(random, COUNT_OF(gaps))]);
			add_text(b, ":");
		}
		if (depth > 0 && random_below(random, 3) == 0)
			add_dense(b, random, depth - 1, of_brackets);
		else
			add_text(b,
				values[random_below(random,
					of_brackets ? OF_BRACKETS : COUNT_OF(values))]);
		add_text(b, gaps[random_below(random, COUNT_OF(gaps))]);
	}
	add_text(b, in_object ? "}" : "]");
}

static void
build_dense(struct builder *b, uint64_t *random, bool of_brackets)
{
	b->len = 0;
	add_text(b, "[\"");
	add_plain(b, UNPROVED_BYTES + random_below(random, 64));
	add_text(b, "\"");
	while (b->len < UNPROVED_BYTES + 3 * PROVED_BYTES) {
		add_text(b, ",");
		add_dense(b, random, 4, of_brackets);
		if (b->len > PLACED_MAX / 4)
			break;
	}
	add_text(b, "]");
}

/* The oracle is the path that every machine has, which never proves whole blocks. */
static bool
check_against_portable(const struct builder *b, enum scan_path path, size_t way)
{
	struct outcome expected, got;

	if (!EXPECT(scan_use_path(SCAN_PATH_PORTABLE)))
		return false;
	expected = scan_text(b->text, b->len, DEPTH, CUT_WHOLE);
	if (!EXPECT(scan_use_path(path)))
		return false;
	got = scan_text(b->text, b->len, DEPTH, way);
	return check_outcome(&expected, &got) && EXPECT_TEXT(expected.error, got.error);
}

/* Whole, cut at every place, and with another byte at every place. */
static void
dense_texts(void)
{
	static const char bytes[] = "{}[],:\"\\ 019-+.eEtfnu\t\x01\x7f\x80\xc3\xe6\xf0";
	static struct builder b;
	enum scan_path path = tested_path;
	uint64_t random = 7;

	for (unsigned n = 0; n < 30; n++) {
		build_dense(&b, &random, n % 3 == 0);
		for (size_t at = 0; at < b.len; at++) {
			char kept = b.text[at];

			tap_context("text %u, byte %zu", n, at);
			if (!check_against_portable(&b, path, CUT_IN_TWO(at)))
				return;
			for (unsigned i = 0; i < 3; i++) {
				b.text[at] = bytes[random_below(&random, sizeof bytes)];
				if (!check_against_portable(&b, path, CUT_WHOLE))
					return;
			}
			b.text[at] = kept;
		}
	}
}

/* A text as member or element, so many bytes behind where a proof begins. */
static void
build_within_proof(
	struct builder *b, bool in_object, size_t before, const char *text, size_t len)
{
	b->len = 0;
	add_text(b, in_object ? "{\"k\":\"" : "[\"");
	add_plain(b, UNPROVED_BYTES);
	add_text(b, "\",");
	add_run(b, ' ', before);
	add_bytes(b, text, len);
	add_text(b, in_object ? ",\"l\":\"" : ",\"");
	add_plain(b, PROVED_BYTES);
	add_text(b, in_object ? "\"}" : "\"]");
}

/* As above, with every short sequence of tokens across the borders of two blocks, and of
 * what is proved at once. */
static void
every_short_token_sequence_in_a_dense_text(void)
{
	static const char alphabet[] = "[]{},:s1";
	static const size_t borders[] = {64, PROVED_BYTES};
	static struct builder b;
	enum scan_path path = tested_path;
	char letters[8] = "", text[16];

	for (size_t count = 8, n = 1; n <= 5; n++, count *= 8) {
		for (size_t i = 0; i < 4 * count; i++) {
			size_t ends[8] = {0}, len;

			for (size_t j = 0, rest = i / 4; j < n; j++, rest /= 8)
				letters[j] = alphabet[rest % 8];
			len = write_tokens(letters, text, ends);
			build_within_proof(&b, i % 2 != 0, borders[i / 2 % 2] - 1 - i % 5,
				text, len);
			tap_context("%s", letters);
			if (!check_against_portable(&b, path, CUT_WHOLE))
				return;
		}
	}
}

/* Each row among dense text, each of its bytes the first one that is proved apart. */
static void
rows_across_proofs(const char *topic, const struct row *rows, size_t count)
{
	enum scan_path path = tested_path;
	char text[2 * TWIN_MAX] = STR("l") ":";
	static struct builder b;

	tap_begin("%s: each row again, in a dense text", topic);
	for (size_t i = 0; i < count; i++) {
		assert(rows[i].len <= sizeof text - 4);
		memcpy(text + 4, rows[i].text, rows[i].len);
		for (size_t at = 0; at < rows[i].len; at++) {
			tap_context("%s at %zu", rows[i].name, at);
			build_within_proof(
				&b, false, PROVED_BYTES - at, text + 4, rows[i].len);
			if (!check_against_portable(&b, path, CUT_WHOLE))
				break;
			build_within_proof(
				&b, true, PROVED_BYTES - 4 - at, text, 4 + rows[i].len);
			if (!check_against_portable(&b, path, CUT_WHOLE))
				break;
		}
	}
	tap_end();
}

/* A string of 600 bytes in which `bytes` begin at `place`; alone, or among others. */
static size_t
build_string_with(struct builder *b, const char *bytes, size_t place, bool is_alone)
{
	size_t begin;

	b->len = 0;
	if (!is_alone) {
		add_text(b, "[\"");
		add_plain(b, UNPROVED_BYTES);
		add_text(b, "\",");
	}
	begin = b->len + 1;
	add_text(b, "\"");
	add_run(b, 'a', 600);
	memcpy(b->text + begin + place, bytes, strlen(bytes));
	add_text(b, "\"");
	if (!is_alone) {
		add_text(b, ",\"");
		add_plain(b, PROVED_BYTES);
		add_text(b, "\"]");
	}
	return begin + place;
}

/*
 * Characters of every length, good and bad, at every place of a string that is several
 * blocks long, whole and cut before, within and behind them.
 */
static void
characters_across_blocks(void)
{
	enum { GOOD = 4 };
	static const struct {
		const char *bytes;
		size_t fault; /* GOOD, or the byte that is wrong */
	} rows[] = {{"\xc2\x80", GOOD}, {"\xdf\xbf", GOOD}, {"\xe0\xa0\x80", GOOD},
		{"\xed\x9f\xbf", GOOD}, {"\xee\x80\x80", GOOD},
		{"\xf0\x90\x80\x80", GOOD}, {"\xf4\x8f\xbf\xbf", GOOD}, {"\xc2x", 1},
		{"\xc0\x80", 0}, {"\xc1\xbf", 0}, {"\xe0\x9f\x80", 1},
		{"\xed\xa0\x80", 1}, {"\xe1\x80x", 2}, {"\xf0\x8f\x80\x80", 1},
		{"\xf4\x90\x80\x80", 1}, {"\xf1\x80x", 2}, {"\xf1\x80\x80x", 3},
		{"\xf5\x80\x80\x80", 0}, {"\xf8\x80", 0}, {"\x80", 0},
		{"\xc2\x80\x80", 2}};
	static struct builder b;

	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		const char *bytes = rows[i / 2].bytes;
		size_t fault = rows[i / 2].fault;

		for (size_t place = 0; place < PROVED_BYTES + 8; place++) {
			size_t at = build_string_with(&b, bytes, place, i % 2 == 0);
			struct outcome expected =
				fault == GOOD ? done_at(b.len)
					      : bad_at(at + fault, REJECT_utf8);

			tap_context("character %zu at %zu", i / 2, at);
			check_text(expected, b.text, b.len, DEPTH, CUT_WHOLE);
			for (size_t cut = at; cut <= at + strlen(bytes); cut++)
				check_text(
					expected, b.text, b.len, DEPTH, CUT_IN_TWO(cut));
		}
	}
}

static void
check_all(void)
{
	check_rows("number", numbers, COUNT_OF(numbers));
	check_rows("literal", literals, COUNT_OF(literals));
	check_rows("string", strings, COUNT_OF(strings));
	check_rows("escaped surrogate", surrogates, COUNT_OF(surrogates));
	check_rows("control character", controls, COUNT_OF(controls));
	check_rows("UTF-8", characters, COUNT_OF(characters));
	check_rows("white space", white_space, COUNT_OF(white_space));
	check_rows("structure", structure, COUNT_OF(structure));
	check_rows("end", endings, COUNT_OF(endings));
	TAP_RUN(errors_say_what_was_expected);
	TAP_RUN(every_beginning_goes_on);
	TAP_RUN(nesting_up_to_the_limit);
	TAP_RUN(nesting_counts_only_what_is_open);
	specials_in_plain_runs();
	TAP_RUN(each_byte_within_a_long_string);
	rows_at_every_place("string", strings, COUNT_OF(strings));
	rows_at_every_place("escaped surrogate", surrogates, COUNT_OF(surrogates));
	rows_at_every_place("control character", controls, COUNT_OF(controls));
	rows_at_every_place("UTF-8", characters, COUNT_OF(characters));
	rows_across_proofs("number", numbers, COUNT_OF(numbers));
	rows_across_proofs("literal", literals, COUNT_OF(literals));
	rows_across_proofs("string", strings, COUNT_OF(strings));
	rows_across_proofs("escaped surrogate", surrogates, COUNT_OF(surrogates));
	rows_across_proofs("control character", controls, COUNT_OF(controls));
	rows_across_proofs("UTF-8", characters, COUNT_OF(characters));
	rows_across_proofs("white space", white_space, COUNT_OF(white_space));
	rows_across_proofs("structure", structure, COUNT_OF(structure));
	TAP_RUN(every_byte_at_every_place);
	TAP_RUN(every_byte_of_an_escape);
	TAP_RUN(every_byte_of_a_literal);
	TAP_RUN(every_beginning_of_a_sequence);
	TAP_RUN(white_space_between_all_tokens);
	TAP_RUN(no_white_space_between_tokens);
	TAP_RUN(long_runs_of_digits);
	TAP_RUN(very_long_runs);
	TAP_RUN(every_beginning_of_a_rich_text);
	TAP_RUN(every_code_point);
	TAP_RUN(characters_across_blocks);
	TAP_RUN(every_kind_of_sequence);
	TAP_RUN(every_short_number);
	TAP_RUN(every_short_token_sequence);
	TAP_RUN(dense_texts);
	TAP_RUN(every_short_token_sequence_in_a_dense_text);
}

int
main(void)
{
	for (enum scan_path path = 0; path < SCAN_PATH_COUNT; path++) {
		tested_path = path;
		if (scan_use_path(path)) {
			tap_comment("the path %s", scan_path_name(path));
			check_all();
		} else {
			tap_comment("this machine has no path %s", scan_path_name(path));
		}
	}
	return tap_finish();
}
