/*
 * frame_test: how the bytes of a connection become messages.
 *
 * A row is an input and the transcript that it must give: a line an outcome.  Every input
 * is run whole, byte by byte, in every cut into two and in random cuts, by a caller that
 * keeps and drops bytes as frame.h asks for, and every transcript must be the same.  In
 * front of an outcome that finishes a number stands a "#".
 *
 * Behind the rows come random documents, whose transcripts are written along with them,
 * and the same with bytes changed, where only the cuts must make no difference.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/frame.h"

#include <stdlib.h>

#include "cuts.h"
#include "tap.h"

#define MAX_MESSAGE 1000
#define MAX_DEPTH 16
#define ROOM_BYTES 131072
#define CORPUS_RUNS 100
#define MUTATION_RUNS 300
#define NUMBER_RUNS 3000

/* Lines of a transcript. */
#define MESSAGE(text) "message " text "\n"
#define REJECT(reason, offset) "reject " #reason " " #offset "\n"
#define GOOD(text) "# " MESSAGE(text)
#define BAD(reason, offset) "# " REJECT(reason, offset)
#define FATAL(reason, offset) "fatal " #reason " " #offset "\n"
#define FOREIGN(protocol) "foreign " #protocol "\n"
#define WITHIN "within\n"       /* where the input ends, before frame_finish */
#define UNDECIDED "undecided\n" /* the same */

#define ONE "{\"i\":1}"
#define TWO "{\"i\":2}"
#define THREE "{\"i\":3}"
#define RS "\x1e"
#define BOM "\xef\xbb\xbf"
#define LEN(last_byte) "\0\0\0" last_byte
#define SPACES_32 "                                "
#define SPACES_64 SPACES_32 SPACES_32
#define SPACES_256 SPACES_64 SPACES_64 SPACES_64 SPACES_64
#define FOUR_TIMES(text) text text text text
/* Deeper than SCAN_DEPTH_MAX, each bracket in the first column. */
#define OPEN_1024 FOUR_TIMES(FOUR_TIMES(FOUR_TIMES(FOUR_TIMES(FOUR_TIMES("[\n")))))
#define CLOSE_1024 FOUR_TIMES(FOUR_TIMES(FOUR_TIMES(FOUR_TIMES(FOUR_TIMES("]\n")))))

struct row {
	const char *name;
	const char *input;
	size_t len;
	const char *transcript;
	size_t max_message;
	unsigned max_depth;
	bool is_broken;                   /* the end is no orderly one */
	enum framing framing_after_hello; /* stream: there was none */
};

#define ENDING(name, input, transcript, ...)                            \
	{                                                               \
		name, input, sizeof(input) - 1, transcript, __VA_ARGS__ \
	}
#define LIMITED(name, max_message, max_depth, input, transcript) \
	ENDING(name, input, transcript, max_message, max_depth, false, FRAMING_stream)
#define ROW(name, input, transcript) \
	ENDING(name, input, transcript, MAX_MESSAGE, MAX_DEPTH, false, FRAMING_stream)
#define BROKEN(name, input, transcript) \
	ENDING(name, input, transcript, MAX_MESSAGE, MAX_DEPTH, true, FRAMING_stream)
#define NUMBERED(framing, name, max_message, input, transcript) \
	ENDING(name, input, transcript, max_message, 3, false, FRAMING_##framing)

static const struct row streams[] = {
	ROW("nothing", "", ""),
	ROW("white space alone", " \t\r\n\n", ""),
	ROW("one message", ONE, MESSAGE(ONE)),
	ROW("one message and a line feed", ONE "\n", MESSAGE(ONE)),
	ROW("lines", ONE "\n" TWO "\n" THREE "\n",
		MESSAGE(ONE) MESSAGE(TWO) MESSAGE(THREE)),
	ROW("lines with CR", ONE "\r\n" TWO "\r\n", MESSAGE(ONE) MESSAGE(TWO)),
	ROW("blank lines", "\n\n" ONE "\n\r\n\n" TWO "\n\n", MESSAGE(ONE) MESSAGE(TWO)),
	ROW("nothing between", ONE TWO THREE, MESSAGE(ONE) MESSAGE(TWO) MESSAGE(THREE)),
	ROW("nothing between strings", "\"a\"\"b\"", MESSAGE("\"a\"") MESSAGE("\"b\"")),
	ROW("nothing between arrays", "[][1]", MESSAGE("[]") MESSAGE("[1]")),
	ROW("NUL between", ONE "\0" TWO "\0", MESSAGE(ONE) MESSAGE(TWO)),
	ROW("many NUL between", " \0\0" ONE "\0 \0" TWO, MESSAGE(ONE) MESSAGE(TWO)),
	ROW("white space before and behind", " \t" ONE "  " TWO " ",
		MESSAGE(ONE) MESSAGE(TWO)),
	ROW("pretty-printed", "{\n  \"i\": 1,\n  \"j\": [\n    2\n  ]\n}\n" TWO "\n",
		MESSAGE("{\n  \"i\": 1,\n  \"j\": [\n    2\n  ]\n}") MESSAGE(TWO)),
	ROW("elements in the first column", "[\n{\n},\n[\n]\n]\n" TWO,
		MESSAGE("[\n{\n},\n[\n]\n]") MESSAGE(TWO)),
	ROW("text in Chinese", "{\"content\":\"\xe4\xbd\xa0\xe5\xa5\xbd\"}",
		MESSAGE("{\"content\":\"\xe4\xbd\xa0\xe5\xa5\xbd\"}")),
	ROW("byte order mark", BOM ONE "\n" TWO, MESSAGE(ONE) MESSAGE(TWO)),
	ROW("byte order mark and white space", BOM "\r\n" ONE, MESSAGE(ONE)),
	ROW("byte order mark alone", BOM, ""),
	ROW("byte order mark and a number", BOM "1 ", MESSAGE("1")),
	ROW("half an object", "{\"i\":", WITHIN REJECT(incomplete, 5)),
	ROW("half an object behind a whole", ONE "\n{\"i\"",
		MESSAGE(ONE) WITHIN REJECT(incomplete, 4)),
	ROW("half a string", "\"abc", WITHIN REJECT(incomplete, 4)),
	ROW("half a character", "\"\xe4\xb8", WITHIN REJECT(incomplete, 3)),
	ROW("half an object and white space", "[1 \n", WITHIN REJECT(incomplete, 4)),
	BROKEN("half an object, broken", "{\"i\":", WITHIN REJECT(incomplete, 5)),
	BROKEN("a whole object, broken", ONE, MESSAGE(ONE)),
	BROKEN("a whole string, broken", "\"a\"", MESSAGE("\"a\"")),
	BROKEN("nothing, broken", "", ""),
	BROKEN("white space, broken", ONE "\n  ", MESSAGE(ONE)),
};

static const struct row numbers[] = {
	ROW("on a line", "42\n", MESSAGE("42")),
	ROW("on a line between objects", ONE "\n42\n" TWO "\n",
		MESSAGE(ONE) MESSAGE("42") MESSAGE(TWO)),
	ROW("separated by spaces", "1 2 -3.5e1 ",
		MESSAGE("1") MESSAGE("2") MESSAGE("-3.5e1")),
	ROW("separated by NUL", "1\0-2\0", MESSAGE("1") MESSAGE("-2")),
	ROW("separated by CR", "1\r2\r\n", MESSAGE("1") MESSAGE("2")),
	ROW("at an orderly end", "42", WITHIN MESSAGE("42")),
	ROW("fraction at an orderly end", "4.25", WITHIN MESSAGE("4.25")),
	ROW("zero at an orderly end", "0", WITHIN MESSAGE("0")),
	ROW("exponent at an orderly end", "1e5", WITHIN MESSAGE("1e5")),
	ROW("last of several at an orderly end", "1\n2",
		MESSAGE("1") WITHIN MESSAGE("2")),
	ROW("unfinished at an orderly end", "-", WITHIN REJECT(incomplete, 1)),
	ROW("unfinished fraction at an orderly end", "1.", WITHIN REJECT(incomplete, 2)),
	ROW("unfinished exponent at an orderly end", "1e+", WITHIN REJECT(incomplete, 3)),
	ROW("object behind a number", "42" ONE "\n" TWO, REJECT(syntax, 2) MESSAGE(TWO)),
	ROW("object on the line behind a number", "42\n" ONE, MESSAGE("42") MESSAGE(ONE)),
	ROW("comma behind a number", "1,2\n" ONE, REJECT(syntax, 1) MESSAGE(ONE)),
	ROW("RS behind a number", "1" RS ONE, REJECT(syntax, 1) MESSAGE(ONE)),
	ROW("leading zero", "01\n" ONE, REJECT(syntax, 1) MESSAGE(ONE)),
	ROW("number behind an object", ONE "1 ", MESSAGE(ONE) MESSAGE("1")),
	BROKEN("on a line, broken", "42\n", MESSAGE("42")),
	BROKEN("at a broken end", "42", WITHIN REJECT(incomplete, 2)),
	BROKEN("last of several at a broken end", "1\n23",
		MESSAGE("1") WITHIN REJECT(incomplete, 2)),
	BROKEN("unfinished at a broken end", "1.", WITHIN REJECT(incomplete, 2)),
	ROW("literals", "true\nfalse null\0",
		MESSAGE("true") MESSAGE("false") MESSAGE("null")),
	ROW("literal at an orderly end", "true", WITHIN MESSAGE("true")),
	ROW("half a literal at an orderly end", "tru", WITHIN REJECT(incomplete, 3)),
	ROW("literals without a space", "truefalse\n" ONE,
		REJECT(syntax, 4) MESSAGE(ONE)),
	ROW("object behind a literal", "null" ONE "\n" TWO,
		REJECT(syntax, 4) MESSAGE(TWO)),
	ROW("string behind a literal", "null\"a\"\n" TWO, REJECT(syntax, 4) MESSAGE(TWO)),
	BROKEN("literal at a broken end", "true", WITHIN REJECT(incomplete, 4)),
	BROKEN("literal on a line, broken", "true\n", MESSAGE("true")),
};

/* Where the search for the next message goes on. */
static const struct row resyncs[] = {
	ROW("junk on a line", ONE "\njunk\n" TWO "\n" THREE "\n",
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO) MESSAGE(THREE)),
	ROW("many lines of junk are one region", "junk\nmore\n\n\"junk\"\n42\ntrue\n" ONE,
		REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("value missing", "{\"i\":}\n" TWO "\n", REJECT(syntax, 5) MESSAGE(TWO)),
	ROW("array is a beginning", "junk\n[1]\n", REJECT(syntax, 0) MESSAGE("[1]")),
	ROW("indented is none", "junk\n " ONE "\n" TWO, REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("behind a tab is none", "junk\n\t[1]\n" TWO, REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("behind CR is none", "junk\r" ONE "\n" TWO, REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("behind CR LF is one", "junk\r\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("on the same line is none", "junk " ONE "\n" TWO,
		REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("behind a blank line", "junk\n\n\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("two regions", "junk\n" ONE "\njunk\n" TWO,
		REJECT(syntax, 0) MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("two regions side by side", "{\"i\":}\n{\"j\":}\n" ONE,
		REJECT(syntax, 5) REJECT(syntax, 5) MESSAGE(ONE)),
	ROW("junk to the end", ONE "\njunk\njunk", MESSAGE(ONE) REJECT(syntax, 0)),
	ROW("line feed within a string", "{\"t\":\"a\n" TWO "\n",
		REJECT(syntax, 7) MESSAGE(TWO)),
	ROW("line feed within a string, no brace behind it", "{\"t\":\"a\nb\"}\n" TWO,
		REJECT(syntax, 7) MESSAGE(TWO)),
	ROW("brace in the first column where none can be", "[1\n" TWO "\n",
		REJECT(syntax, 3) MESSAGE(TWO)),
	ROW("bracket in the first column where none can be", "{\"a\":1\n[2]\n",
		REJECT(syntax, 7) MESSAGE("[2]")),
	ROW("brace in place of a key", "{\n" TWO, REJECT(syntax, 2) MESSAGE(TWO)),
	ROW("unclosed object eats what fits", "{\"a\":\n" TWO "\n" THREE,
		REJECT(syntax, 14) MESSAGE(THREE)),
	ROW("pretty-printed, broken",
		"{\n  \"a\": 1,\n  \"b\": oops,\n  \"c\": {\n    \"d\": 2\n  }\n}\n" TWO
		"\n",
		REJECT(syntax, 19) MESSAGE(TWO)),
	ROW("what is left of a broken one may begin a line",
		"{\"a\":x,\"b\":\n[1]\n}\n" TWO,
		REJECT(syntax, 5) MESSAGE("[1]") REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("closing brace too many", ONE "}\n" TWO,
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("comma between messages", ONE ",\n" TWO,
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("by NUL", "junk\0" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("by NUL, to anything", "junk\0true ", REJECT(syntax, 0) MESSAGE("true")),
	ROW("by NUL within an object", "{\"a\":\0" ONE, REJECT(syntax, 5) MESSAGE(ONE)),
	ROW("by NUL within a string", "\"a\0" ONE, REJECT(syntax, 2) MESSAGE(ONE)),
	ROW("by RS", "junk" RS ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("by RS, to anything", "junk" RS "42 ", REJECT(syntax, 0) MESSAGE("42")),
	ROW("by RS at the offending place", "{\"a\":" RS ONE,
		REJECT(syntax, 5) MESSAGE(ONE)),
	ROW("RS between messages", ONE RS TWO,
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("bad UTF-8", "{\"t\":\"\xe4\xb8\"}\n" TWO, REJECT(utf8, 8) MESSAGE(TWO)),
	ROW("bad UTF-8 outside a string", "\xff\n" TWO, REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("byte order mark later", ONE "\n" BOM TWO "\n" THREE,
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(THREE)),
	ROW("offset counts from the message", "  \n [1,}\n" ONE,
		REJECT(syntax, 3) MESSAGE(ONE)),
	BROKEN("junk, broken", "junk", REJECT(syntax, 0)),
};

static const struct row records[] = {
	ROW("one", RS ONE "\n", MESSAGE(ONE)),
	ROW("several", RS ONE "\n" RS TWO "\n" RS THREE "\n",
		MESSAGE(ONE) MESSAGE(TWO) MESSAGE(THREE)),
	ROW("without line feeds", RS ONE RS TWO, MESSAGE(ONE) WITHIN MESSAGE(TWO)),
	ROW("no line feed at the end", RS ONE "\n" RS TWO,
		MESSAGE(ONE) WITHIN MESSAGE(TWO)),
	BROKEN("no line feed at a broken end", RS ONE, WITHIN MESSAGE(ONE)),
	ROW("CR LF", RS ONE "\r\n" RS TWO "\r\n", MESSAGE(ONE) MESSAGE(TWO)),
	ROW("white space around the value", RS " \t" ONE " \t\n" RS "\r\n" TWO " \n",
		MESSAGE(ONE) MESSAGE(TWO)),
	ROW("white space and the end", RS ONE "  ", WITHIN MESSAGE(ONE)),
	ROW("white space and RS", RS ONE "  " RS TWO "\n", MESSAGE(ONE) MESSAGE(TWO)),
	ROW("blank lines between", RS ONE "\n\n\n" RS TWO "\n\n",
		MESSAGE(ONE) MESSAGE(TWO)),
	ROW("line feeds within the value", RS "{\n\"i\":1\n}\n" RS TWO "\n",
		MESSAGE("{\n\"i\":1\n}") MESSAGE(TWO)),
	ROW("empty ones", RS RS RS ONE "\n" RS "\n" RS TWO "\n" RS,
		MESSAGE(ONE) MESSAGE(TWO)),
	ROW("empty alone", RS, ""),
	ROW("a string", RS "\"a\"\n", MESSAGE("\"a\"")),
	ROW("number and line feed", RS "42\n", MESSAGE("42")),
	ROW("number and space", RS "42 " RS ONE "\n", MESSAGE("42") MESSAGE(ONE)),
	ROW("number, space, end", RS "42 ", WITHIN MESSAGE("42")),
	ROW("number cut by RS", RS "42" RS ONE "\n", REJECT(syntax, 2) MESSAGE(ONE)),
	ROW("number cut by the end", RS "42", WITHIN REJECT(incomplete, 2)),
	BROKEN("number cut by a broken end", RS "42", WITHIN REJECT(incomplete, 2)),
	ROW("number and NUL", RS "42\0\n" RS ONE "\n", REJECT(syntax, 2) MESSAGE(ONE)),
	ROW("literal and line feed", RS "true\n", MESSAGE("true")),
	ROW("literal cut by RS", RS "true" RS ONE "\n", REJECT(syntax, 4) MESSAGE(ONE)),
	ROW("literal cut by the end", RS "null", WITHIN REJECT(incomplete, 4)),
	ROW("half a literal cut by RS", RS "tr" RS ONE "\n",
		REJECT(syntax, 2) MESSAGE(ONE)),
	ROW("object cut by RS", RS "{\"a\":" RS ONE "\n", REJECT(syntax, 5) MESSAGE(ONE)),
	ROW("string cut by RS", RS "\"ab" RS ONE "\n", REJECT(syntax, 3) MESSAGE(ONE)),
	ROW("cut by the end", RS "{\"a\":", WITHIN REJECT(incomplete, 5)),
	ROW("two values", RS ONE TWO "\n" RS THREE "\n",
		REJECT(syntax, 7) MESSAGE(THREE)),
	ROW("two values and a space", RS ONE " " TWO "\n" RS THREE "\n",
		REJECT(syntax, 8) MESSAGE(THREE)),
	ROW("two numbers", RS "1 2\n" RS THREE "\n", REJECT(syntax, 2) MESSAGE(THREE)),
	ROW("NUL behind the value", RS ONE "\0\n" RS TWO "\n",
		REJECT(syntax, 7) MESSAGE(TWO)),
	ROW("garbage behind the value", RS ONE "x\n" RS TWO "\n",
		REJECT(syntax, 7) MESSAGE(TWO)),
	ROW("garbage on the line behind", RS ONE "\nx\n" RS TWO "\n",
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("a message without RS", RS ONE "\n" TWO "\n" RS THREE "\n",
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(THREE)),
	ROW("empty ones behind garbage", RS "x" RS RS "\n" RS ONE "\n",
		REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("garbage to the end", RS ONE "\nx\n" TWO "\n",
		MESSAGE(ONE) REJECT(syntax, 0)),
	ROW("syntax", RS "{\"i\":}\n" RS TWO "\n", REJECT(syntax, 5) MESSAGE(TWO)),
	ROW("a line in the first column is no beginning",
		RS "{\"i\":}\n" ONE "\n" RS TWO "\n", REJECT(syntax, 5) MESSAGE(TWO)),
	ROW("NUL is no beginning", RS "x\0" ONE "\n" RS TWO "\n",
		REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("bad UTF-8", RS "\"\xff\"\n" RS TWO "\n", REJECT(utf8, 1) MESSAGE(TWO)),
};

static const struct row lengths[] = {
	ROW("one", LEN("\x07") ONE, MESSAGE(ONE)),
	ROW("several", LEN("\x07") ONE LEN("\x07") TWO, MESSAGE(ONE) MESSAGE(TWO)),
	ROW("white space around the value", LEN("\x0b") " \n" ONE "\r\n", MESSAGE(ONE)),
	ROW("number", LEN("\x02") "42" LEN("\x01") "7", MESSAGE("42") MESSAGE("7")),
	ROW("literal", LEN("\x04") "true", MESSAGE("true")),
	ROW("longer than 255", "\0\0\x01\x03[" SPACES_256 "1]",
		MESSAGE("[" SPACES_256 "1]")),
	BROKEN("number at a broken end", LEN("\x02") "42", MESSAGE("42")),
	ROW("keep-alive", "\0\0\0\0", ""),
	ROW("keep-alives between",
		"\0\0\0\0\0\0\0\0" LEN("\x07") ONE "\0\0\0\0" LEN("\x07") TWO,
		MESSAGE(ONE) MESSAGE(TWO)),
	ROW("no value", LEN("\x02") "  " LEN("\x07") ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("unfinished value", LEN("\x06") "{\"i\":1" LEN("\x07") ONE,
		REJECT(syntax, 6) MESSAGE(ONE)),
	ROW("unfinished number", LEN("\x02") "1." LEN("\x07") ONE,
		REJECT(syntax, 2) MESSAGE(ONE)),
	ROW("two values", LEN("\x0e") ONE TWO LEN("\x07") THREE,
		REJECT(syntax, 7) MESSAGE(THREE)),
	ROW("two numbers", LEN("\x04") " 1 2" LEN("\x07") ONE,
		REJECT(syntax, 2) MESSAGE(ONE)),
	ROW("junk behind the value", LEN("\x09") ONE " x" LEN("\x07") TWO,
		REJECT(syntax, 8) MESSAGE(TWO)),
	ROW("NUL behind the value", LEN("\x08") ONE "\0" LEN("\x07") TWO,
		REJECT(syntax, 7) MESSAGE(TWO)),
	ROW("record separator before the value", LEN("\x08") RS ONE LEN("\x07") TWO,
		REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("syntax", LEN("\x06") "{\"i\":}" LEN("\x07") TWO,
		REJECT(syntax, 5) MESSAGE(TWO)),
	ROW("offset counts from the value", LEN("\x06") "  [1,]" LEN("\x07") TWO,
		REJECT(syntax, 3) MESSAGE(TWO)),
	ROW("bad UTF-8", LEN("\x03") "\"\xff\"" LEN("\x07") TWO,
		REJECT(utf8, 1) MESSAGE(TWO)),
	ROW("line feed within the value", LEN("\x08") "{\"i\"\n:1}" LEN("\x07") TWO,
		MESSAGE("{\"i\"\n:1}") MESSAGE(TWO)),
	ROW("impossible length", LEN("\x07") ONE "\x01\0\0\0" TWO,
		MESSAGE(ONE) FATAL(bad_frame, 0)),
	ROW("text where a length belongs", LEN("\x07") ONE "\n" TWO LEN("\x07") THREE,
		MESSAGE(ONE) FATAL(bad_frame, 0)),
	ROW("half a length", LEN("\x07") ONE "\0\0",
		MESSAGE(ONE) WITHIN REJECT(incomplete, 0)),
	ROW("one byte of a length", "\0", WITHIN REJECT(incomplete, 0)),
	ROW("length without a frame", LEN("\x07"), WITHIN REJECT(incomplete, 0)),
	ROW("half a frame", LEN("\x07") "{\"i\"", WITHIN REJECT(incomplete, 4)),
	ROW("a whole value in half a frame", LEN("\x08") ONE,
		WITHIN REJECT(incomplete, 7)),
	BROKEN("half a frame, broken", LEN("\x07") "{", WITHIN REJECT(incomplete, 1)),
};

/* max_message is 10, max_depth 3. */
#define LARGE(name, input, transcript) LIMITED(name, 10, 3, input, transcript)
static const struct row limits[] = {
	LARGE("longest string", "\"12345678\"\n" ONE,
		MESSAGE("\"12345678\"") MESSAGE(ONE)),
	LARGE("string longer by one", "\"123456789\"\n" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("string longer by two", "\"1234567890\"" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("string far beyond",
		ONE "\"a long, long string, much longer than is accepted\"" TWO,
		MESSAGE(ONE) REJECT(too_large, 10) MESSAGE(TWO)),
	LARGE("longest object", "{\"i\":1234}" ONE, MESSAGE("{\"i\":1234}") MESSAGE(ONE)),
	LARGE("object longer by one", "{\"i\":12345}" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("white space around is not counted",
		"            " ONE "            \n" TWO, MESSAGE(ONE) MESSAGE(TWO)),
	LARGE("white space within is counted", "[1       ][1        ]" ONE,
		MESSAGE("[1       ]") REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("longest number", "1234567890 " ONE, MESSAGE("1234567890") MESSAGE(ONE)),
	LARGE("number longer by one", "12345678901 " ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("number far beyond", "123456789012345678901234567890\n" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("number far beyond, and junk", "123456789012345678x{}\n" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("longest number at the end", "1234567890", WITHIN MESSAGE("1234567890")),
	LARGE("number longer by one at the end", "12345678901",
		REJECT(too_large, 10) WITHIN),
	LARGE("several", "[12345678901234]\n[12345678901234]" ONE,
		REJECT(too_large, 10) REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("lines within are not looked at", "[\n" ONE ",\n" TWO "\n]\n" THREE,
		REJECT(too_large, 10) MESSAGE(THREE)),
	LARGE("unfinished", ONE "\"a long, long string",
		MESSAGE(ONE) REJECT(too_large, 10) WITHIN),
	LARGE("syntax error in the last byte", "[123456789x]\n" ONE,
		REJECT(syntax, 10) MESSAGE(ONE)),
	LARGE("syntax error one byte behind it", "[1234567890x]\n" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("syntax error far behind", "[12345678901234567890,}\n\n" ONE "\n" TWO,
		REJECT(too_large, 10) MESSAGE(ONE) MESSAGE(TWO)),
	LARGE("syntax error at a brace in the first column",
		"[12345678901234567890\n" ONE, REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("cut by NUL", "\"a long, long string\0" ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("deepest", "[[[1]]]" ONE, MESSAGE("[[[1]]]") MESSAGE(ONE)),
	LARGE("deeper by one", "[[[[1]]]]\n" ONE, REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper by an object", "[[[{}]]]\n" ONE, REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper in the first column", "[[[\n" ONE "]]]\n" TWO,
		REJECT(too_deep, 4) MESSAGE(TWO)),
	LARGE("deeper, lines within are not looked at",
		"[[[[\n" ONE ",\n[\n[[]\n,\n{}]\n]\n]]\n]]" TWO,
		REJECT(too_deep, 3) MESSAGE(TWO)),
	LARGE("deeper, brackets and quotes in strings",
		"[[[[\"]\\\"]\\\\\",\n{\"[\":\"\\u005d]\",\"\\\\\":[]}\n]]]]\n" TWO,
		REJECT(too_deep, 3) MESSAGE(TWO)),
	LARGE("deeper, words and numbers",
		"[[[{\"a\":true ,\"b\":-1.5e+3\n,\"c\":\tnull}\r,\n[0\n]]]]" TWO,
		REJECT(too_deep, 3) MESSAGE(TWO)),
	LARGE("deeper, the end is the end of all", "[[[[]]]]]\n" ONE,
		REJECT(too_deep, 3) REJECT(syntax, 0) MESSAGE(ONE)),
	LARGE("deeper than the scanner can count",
		OPEN_1024 "\"]\"" CLOSE_1024 ONE OPEN_1024 ",\n" TWO
			  "\n" CLOSE_1024 THREE,
		REJECT(too_deep, 6) MESSAGE(ONE) REJECT(too_deep, 6) MESSAGE(TWO)
			REJECT(syntax, 0) MESSAGE(THREE)),
	LARGE("deeper, unclosed: eats what fits", "[[[[\n" ONE "\n" TWO "\n" THREE,
		REJECT(too_deep, 3) MESSAGE(TWO) MESSAGE(THREE)),
	LARGE("deeper, unclosed to the end", "[[[[[[", REJECT(too_deep, 3) WITHIN),
	LARGE("deeper, a string without its end", "[[[[\"a\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, an escape without its end", "[[[[\"\\\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, a comma too many", "[[[[1,,\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, a string behind a value", "[[[[1 \"a\",\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, a word behind a value", "[[[[1 a,\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, an opening bracket behind a word", "[[[[1\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, a letter beyond ASCII", "[[[[\xc3\xa9,\n" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, cut by NUL", "[[[[1,\0" ONE, REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, cut by RS", "[[[[1," RS ONE, REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("deeper, cut by NUL within a string", "[[[[\"a\0" ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
	LARGE("too deep behind too large", "[1234567890,[[[\n" ONE "\n]]]]" TWO,
		REJECT(too_large, 10) MESSAGE(TWO)),
	LIMITED("the smallest limit", FRAME_MESSAGE_MIN, 1,
		"12345 123456 \"1234\" \"123\" [1,2] falsefalse false 3",
		MESSAGE("12345") REJECT(too_large, 5) REJECT(too_large, 5)
			MESSAGE("\"123\"") MESSAGE("[1,2]") REJECT(syntax, 5)),

	LARGE("rs: longest", RS "\"12345678\"\n" RS ONE "\n",
		MESSAGE("\"12345678\"") MESSAGE(ONE)),
	LARGE("rs: longer by one", RS "\"123456789\"\n" RS ONE "\n",
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("rs: far beyond", RS ONE "\n" RS "\"a long, long string\"\n" RS TWO "\n",
		MESSAGE(ONE) REJECT(too_large, 10) MESSAGE(TWO)),
	LARGE("rs: longest number", RS "1234567890\n" RS ONE "\n",
		MESSAGE("1234567890") MESSAGE(ONE)),
	LARGE("rs: number longer by one", RS "12345678901\n" RS ONE "\n",
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("rs: behind the oversize value", RS "\"123456789\"x" ONE "\n" RS TWO "\n",
		REJECT(too_large, 10) MESSAGE(TWO)),
	LARGE("rs: oversize value cut by RS", RS "\"a long, long string" RS ONE "\n",
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("rs: unfinished", RS "\"a long, long string", REJECT(too_large, 10) WITHIN),
	LARGE("rs: too deep", RS "[[[[1]]]]\n" RS ONE "\n",
		REJECT(too_deep, 3) MESSAGE(ONE)),

	LARGE("length: longest", LEN("\x0a") "\"12345678\"" LEN("\x07") ONE,
		MESSAGE("\"12345678\"") MESSAGE(ONE)),
	LARGE("length: longer by one", LEN("\x0b") "\"123456789\"" LEN("\x07") ONE,
		REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("length: several",
		LEN("\x0b") "xxxxxxxxxxx" LEN("\x0c") "\0\0\0\0\0\0\0\0\0\0\0\0" LEN(
			"\x07") ONE,
		REJECT(too_large, 10) REJECT(too_large, 10) MESSAGE(ONE)),
	LARGE("length: white space is counted", LEN("\x0b") ONE "    " LEN("\x07") TWO,
		REJECT(too_large, 10) MESSAGE(TWO)),
	LARGE("length: unfinished", LEN("\x0b") "xxx", REJECT(too_large, 10) WITHIN),
	LARGE("length: just finished", LEN("\x0b") "xxxxxxxxxxx", REJECT(too_large, 10)),
	LARGE("length: largest of all", "\0\xff\xff\xffxxx",
		REJECT(too_large, 10) WITHIN),
	LARGE("length: too deep", LEN("\x09") "[[[[1]]]]" LEN("\x07") ONE,
		REJECT(too_deep, 3) MESSAGE(ONE)),
};

/* Behind a hello; max_message is 10, max_depth 3. */
#define LINE(name, input, transcript) NUMBERED(lines, name, 10, input, transcript)
static const struct row numbered_lines[] = {
	LINE("nothing", "", ""),
	LINE("blank lines", "\n\r\n \t\n\n", ""),
	LINE("white space without its line feed", "\n  ", ""),
	LINE("one", ONE "\n", GOOD(ONE)),
	LINE("several", ONE "\n" TWO "\n" THREE "\n", GOOD(ONE) GOOD(TWO) GOOD(THREE)),
	LINE("CR LF", ONE "\r\n" TWO "\r\n", GOOD(ONE) GOOD(TWO)),
	LINE("blank lines between", "\n" ONE "\n\r\n \n" TWO "\n\n", GOOD(ONE) GOOD(TWO)),
	LINE("white space around is not counted",
		"            " ONE "            \n\t" TWO " \t\r\n", GOOD(ONE) GOOD(TWO)),
	LINE("scalars", "42\n-1.5e3\r\ntrue \n\"a\"\n0\nnull\n",
		GOOD("42") GOOD("-1.5e3") GOOD("true") GOOD("\"a\"") GOOD("0")
			GOOD("null")),
	LINE("no line feed at the end", ONE "\n" TWO,
		GOOD(ONE) WITHIN REJECT(incomplete, 7)),
	LINE("no line feed, but white space", ONE " \r", WITHIN REJECT(incomplete, 9)),
	LINE("number without line feed", "42", WITHIN REJECT(incomplete, 2)),
	LINE("half a value", ONE "\n{\"i\"", GOOD(ONE) WITHIN REJECT(incomplete, 4)),
	LINE("junk without line feed", "junk", WITHIN REJECT(incomplete, 4)),
	LINE("junk", "junk\n" ONE "\n", BAD(syntax, 0) GOOD(ONE)),
	LINE("each bad line is one", "junk\n[1,]\n\n}\n" ONE "\n",
		BAD(syntax, 0) BAD(syntax, 3) BAD(syntax, 0) GOOD(ONE)),
	LINE("many faults in a line", "{]{]{] \" \\ [[[[[[ \xff \n" ONE "\n",
		BAD(syntax, 1) GOOD(ONE)),
	LINE("offset counts from the value", "  [1,]\n", BAD(syntax, 3)),
	LINE("two values", ONE " " TWO "\n" THREE "\n", BAD(syntax, 8) GOOD(THREE)),
	LINE("two values, nothing between", ONE TWO "\n" THREE "\n",
		BAD(syntax, 7) GOOD(THREE)),
	LINE("two numbers", "1 2\n3\n", BAD(syntax, 2) GOOD("3")),
	LINE("junk behind a number", "1x\n01\ntruefalse\n",
		BAD(syntax, 1) BAD(syntax, 1) BAD(syntax, 4)),
	LINE("a value over two lines", "{\"i\":\n1}\n" ONE "\n",
		BAD(syntax, 5) BAD(syntax, 1) GOOD(ONE)),
	LINE("an array over lines that are values", "[\n1\n]\n",
		BAD(syntax, 1) GOOD("1") BAD(syntax, 0)),
	LINE("line feed in a number", "1.\n5\n", BAD(syntax, 2) GOOD("5")),
	LINE("line feed in a literal", "tr\nue\n", BAD(syntax, 2) BAD(syntax, 0)),
	LINE("line feed in a string", "\"a\nb\"\n" ONE "\n",
		BAD(syntax, 2) BAD(syntax, 0) GOOD(ONE)),
	LINE("CR in a line is white space", "[1\r,2]\n", GOOD("[1\r,2]")),
	LINE("NUL separates nothing", ONE "\0" TWO "\n" THREE "\n",
		BAD(syntax, 7) GOOD(THREE)),
	LINE("NUL is not white space", "\0\n" ONE "\n", BAD(syntax, 0) GOOD(ONE)),
	LINE("RS separates nothing", RS ONE "\nx" RS TWO "\n" THREE "\n",
		BAD(syntax, 0) BAD(syntax, 0) GOOD(THREE)),
	LINE("byte order mark", BOM ONE "\n", BAD(syntax, 0)),
	LINE("hello again", "BIO/1 {}\n" ONE "\n", BAD(syntax, 0) GOOD(ONE)),
	LINE("request", "GET / HTTP/1.1\r\n\r\n", BAD(syntax, 0)),
	LINE("bad UTF-8", "\"\xff\"\n" ONE "\n", BAD(utf8, 1) GOOD(ONE)),
	LINE("deepest", "[[[1]]]\n", GOOD("[[[1]]]")),
	LINE("too deep", "[[[[1]]]]\n" ONE "\n", BAD(too_deep, 3) GOOD(ONE)),
	LINE("too deep and unclosed", "[[[[\n" ONE "\n", BAD(too_deep, 3) GOOD(ONE)),
	LINE("longest", "\"12345678\"\n1234567890\n",
		GOOD("\"12345678\"") GOOD("1234567890")),
	LINE("longer by one", "\"123456789\"\n12345678901\n" ONE "\n",
		BAD(too_large, 10) BAD(too_large, 10) GOOD(ONE)),
	LINE("far beyond", "\"a long, long string\", and junk\n" ONE "\n",
		BAD(too_large, 10) GOOD(ONE)),
	LINE("the line ends where the limit is", "[123456789\n[1234567890\n",
		BAD(syntax, 10) BAD(too_large, 10)),
	LINE("syntax error at the limit and behind it", "[123456789x\n[1234567890x\n",
		BAD(syntax, 10) BAD(too_large, 10)),
	LINE("oversize without line feed", "\"a long, long string",
		WITHIN REJECT(incomplete, 20)),
	ENDING("broken within a fault", "\n [,]", WITHIN REJECT(incomplete, 3), 10, 3,
		true, FRAMING_lines),
	ENDING("broken behind a line", ONE "\n", GOOD(ONE), 10, 3, true, FRAMING_lines),
};

#define RECORD(name, input, transcript) NUMBERED(rs, name, 10, input, transcript)
static const struct row numbered_records[] = {
	RECORD("several", RS ONE "\n" RS TWO " \r\n" RS "42\n",
		GOOD(ONE) GOOD(TWO) GOOD("42")),
	RECORD("ended by RS", RS ONE RS TWO "  " RS "[\n1]\n",
		GOOD(ONE) GOOD(TWO) GOOD("[\n1]")),
	RECORD("empty ones", RS RS "\n" RS " " RS ONE "\n" RS, GOOD(ONE)),
	RECORD("no end", RS ONE "\n" RS TWO, GOOD(ONE) WITHIN REJECT(incomplete, 7)),
	RECORD("no end but white space", RS ONE "  ", WITHIN REJECT(incomplete, 9)),
	RECORD("number without end", RS "42 ", WITHIN REJECT(incomplete, 3)),
	RECORD("number cut by the end", RS "42", WITHIN REJECT(incomplete, 2)),
	RECORD("half a value", RS "{\"i\"\n", WITHIN REJECT(incomplete, 5)),
	RECORD("number cut by RS", RS "42" RS ONE "\n", BAD(syntax, 2) GOOD(ONE)),
	RECORD("object cut by RS", RS "{\"a\":\n" RS ONE "\n", BAD(syntax, 6) GOOD(ONE)),
	RECORD("junk behind the value", RS ONE " x\n" RS TWO "\n",
		BAD(syntax, 8) GOOD(TWO)),
	RECORD("two values", RS ONE TWO "\n" RS THREE "\n", BAD(syntax, 7) GOOD(THREE)),
	RECORD("junk, ended by RS", RS "junk" RS ONE "\n", BAD(syntax, 0) GOOD(ONE)),
	RECORD("junk without end", RS "junk", WITHIN REJECT(incomplete, 4)),
	RECORD("told at the line feed", RS "{]\n", BAD(syntax, 1)),
	RECORD("the fault is a line feed", RS "\"a\n" RS ONE "\n",
		BAD(syntax, 2) GOOD(ONE)),
	RECORD("the rest of a faulty record is no number",
		RS "{]\nx\n" ONE "\n" RS TWO "\n", BAD(syntax, 1) GOOD(TWO)),
	RECORD("empty ones behind a faulty one", RS "x\n" RS RS "\n" RS ONE "\n",
		BAD(syntax, 0) GOOD(ONE)),
	RECORD("between records", RS ONE "\nx\n" TWO "\n" RS THREE "\n",
		GOOD(ONE) REJECT(syntax, 0) GOOD(THREE)),
	RECORD("before the first", ONE "\n" RS TWO "\n", REJECT(syntax, 0) GOOD(TWO)),
	RECORD("bad UTF-8", RS "\"\xff\"\n" RS ONE "\n", BAD(utf8, 1) GOOD(ONE)),
	RECORD("too deep", RS "[[[[\n[\n" RS ONE "\n", BAD(too_deep, 3) GOOD(ONE)),
	RECORD("longest", RS "\"12345678\"\n" RS "1234567890\n",
		GOOD("\"12345678\"") GOOD("1234567890")),
	RECORD("longer by one", RS "\"123456789\"\n" RS "12345678901\n" RS ONE "\n",
		BAD(too_large, 10) BAD(too_large, 10) GOOD(ONE)),
	RECORD("far beyond, in lines", RS "[1234567890,\n1,\n2]\n" RS ONE "\n",
		BAD(too_large, 10) GOOD(ONE)),
	RECORD("oversize, ended by RS", RS "\"a long, long string" RS ONE "\n",
		BAD(too_large, 10) GOOD(ONE)),
	RECORD("oversize without end", RS "\"a long, long string",
		WITHIN REJECT(incomplete, 20)),
};

#define FRAME(name, input, transcript) NUMBERED(length, name, 10, input, transcript)
static const struct row numbered_frames[] = {
	FRAME("several", LEN("\x07") ONE LEN("\x09") " " TWO "\n" LEN("\x02") "42",
		GOOD(ONE) GOOD(TWO) GOOD("42")),
	FRAME("keep-alives", LEN("\0") LEN("\0") LEN("\x07") ONE LEN("\0"), GOOD(ONE)),
	FRAME("bad ones",
		LEN("\x02") "  " LEN("\x02") "1." LEN("\x0a") "[] [] x ,," LEN("\x07")
			ONE,
		BAD(syntax, 0) BAD(syntax, 2) BAD(syntax, 3) GOOD(ONE)),
	FRAME("too deep", LEN("\x05") "[[[[1" LEN("\x07") ONE,
		BAD(too_deep, 3) GOOD(ONE)),
	FRAME("too large",
		LEN("\x0b") "xxxxxxxxxxx" LEN("\x0c") "\0\0\0\0\0\0\0\0\0\0\0\0" LEN(
			"\x07") ONE,
		BAD(too_large, 10) BAD(too_large, 10) GOOD(ONE)),
	FRAME("too large and unfinished", LEN("\x0b") "xxx",
		WITHIN REJECT(incomplete, 3)),
	FRAME("too large, nothing of it", LEN("\x0b"), WITHIN REJECT(incomplete, 0)),
	FRAME("half a frame", LEN("\x07") "{\"i\"", WITHIN REJECT(incomplete, 4)),
	FRAME("half a length", LEN("\x07") ONE "\0\0",
		GOOD(ONE) WITHIN REJECT(incomplete, 0)),
	FRAME("impossible length", LEN("\x07") ONE "\x01\0\0\0" TWO,
		GOOD(ONE) FATAL(bad_frame, 0)),
};

static const struct row prefixes[] = {
	ROW("hello", "BIO/1 {\"ack\":\"store\"}\n", FOREIGN(bio)),
	ROW("hello of another version", "BIO/9 {}\n", FOREIGN(bio)),
	ROW("hello, shortest", "BIO/", FOREIGN(bio)),
	ROW("TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", FOREIGN(tls)),
	ROW("request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", FOREIGN(http)),
	ROW("request with a body", "POST / HTTP/1.1\r\n\r\n" ONE "\n" TWO "\n",
		FOREIGN(http)),
	ROW("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FOREIGN(http)),
	ROW("undecided B", "B", UNDECIDED REJECT(syntax, 0)),
	ROW("undecided BIO", "BIO", UNDECIDED REJECT(syntax, 0)),
	ROW("undecided 16", "\x16", UNDECIDED REJECT(syntax, 0)),
	ROW("undecided half a mark", "\xef\xbb", UNDECIDED REJECT(syntax, 0)),
	BROKEN("undecided at a broken end", "BI", UNDECIDED REJECT(syntax, 0)),
	ROW("another word with B", "BOO\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("hello without a slash", "BIO 1\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("verb in lower case", "get / HTTP/1.1\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("verb behind white space", " GET /\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("verb later", ONE "\nGET / HTTP/1.1\n" TWO,
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("hello later", ONE "\nBIO/1 {}\n" TWO,
		MESSAGE(ONE) REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("hello behind a byte order mark", BOM "BIO/1 {}\n" TWO,
		REJECT(syntax, 0) MESSAGE(TWO)),
	ROW("16 and another byte", "\x16\x02\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("EF and another byte", "\xef\xbf\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("SSH", "SSH-2.0-x\r\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)),
	ROW("space, then RS", " " RS ONE "\n" TWO,
		REJECT(syntax, 0) MESSAGE(ONE) MESSAGE(TWO)),
	ROW("space, then NUL", " " LEN("\x07") ONE "\n" TWO,
		REJECT(syntax, 0) MESSAGE(TWO)),
};

/* What came out of a run, and where the rejected messages began in the input. */
struct transcript {
	char *lines, *begins;
	size_t len, begins_len;
};

/* A run: the caller's side of the contract. */
struct run {
	struct frame frame;
	const char *input;
	size_t read, dropped; /* of the input; what lies between is kept */
	FILE *lines, *begins;
};

static void
write_outcome(FILE *out, enum frame_event event, const struct frame_item *item)
{
	static const char *const protocols[] = {"bio", "http", "tls"};

	switch (event) {
	case FRAME_MORE:
		break;
	case FRAME_MESSAGE:
		(void)fprintf(out, "%smessage ", item->finishes_number ? "# " : "");
		(void)fwrite(item->text, 1, item->len, out);
		(void)fputs("\n", out);
		break;
	case FRAME_REJECT:
	case FRAME_FATAL:
		(void)fprintf(out, "%s%s %s %llu\n", item->finishes_number ? "# " : "",
			event == FRAME_FATAL ? "fatal" : "reject",
			reason_reject_name(item->reason),
			(unsigned long long)item->offset);
		EXPECT(item->error != NULL && item->error[0] != '\0');
		break;
	case FRAME_FOREIGN:
		(void)fprintf(out, "foreign %s\n", protocols[item->protocol]);
		EXPECT_INT(0, item->used);
		break;
	}
}

/* Takes what the kept bytes hold; as in scan_test, their memory ends with them. */
static void
take_outcomes(struct run *r)
{
	static uint8_t room[ROOM_BYTES];
	size_t len = r->read - r->dropped, used = 0;
	uint8_t *kept;
	struct frame_item item;
	enum frame_event event;

	if (len > sizeof room)
		abort();
	kept = room + sizeof room - len;
	memcpy(kept, r->input + r->dropped, len);
	do {
		memset(&item, 0, sizeof item);
		item.finishes_number = true;
		event = frame_next(&r->frame, kept + used, len - used, &item);
		if (!EXPECT(item.used <= len - used))
			break;
		if (event == FRAME_MESSAGE)
			EXPECT(item.text >= kept + used &&
				item.text + item.len <= kept + used + item.used);
		if (event == FRAME_REJECT || event == FRAME_FATAL)
			(void)fprintf(r->begins, "%lld ",
				(long long)(r->dropped + used) + (long long)item.begin);
		write_outcome(r->lines, event, &item);
		used += item.used;
	} while (event != FRAME_MORE);
	r->dropped += used;
}

/* The transcript of one way of cutting the input. */
static struct transcript
run_input(const struct row *row, size_t way)
{
	struct transcript t;
	struct run r = {.input = row->input,
		.lines = open_memstream(&t.lines, &t.len),
		.begins = open_memstream(&t.begins, &t.begins_len)};
	struct cut cut = cut_begin(way, row->len);

	if (r.lines == NULL || r.begins == NULL)
		abort();
	memset(&r.frame, 0xa5, sizeof r.frame);
	frame_init(&r.frame, row->max_message, row->max_depth);
	if (row->framing_after_hello != FRAMING_stream)
		frame_begin_after_hello(&r.frame, row->framing_after_hello);
	while (r.read < row->len) {
		r.read += cut_next(&cut, row->len - r.read);
		take_outcomes(&r);
		EXPECT(r.read - r.dropped <= row->max_message + FRAME_SLACK_BYTES);
	}
	if (frame_is_undecided(&r.frame))
		(void)fputs("undecided\n", r.lines);
	else if (frame_is_within(&r.frame))
		(void)fputs("within\n", r.lines);
	frame_finish(&r.frame, !row->is_broken);
	take_outcomes(&r);
	EXPECT_INT(row->len, r.dropped);
	(void)fclose(r.lines);
	(void)fclose(r.begins);
	return t;
}

static void
transcript_fini(struct transcript *t)
{
	free(t->lines);
	free(t->begins);
}

static bool
check_way(const struct row *row, const struct transcript *expected, size_t way)
{
	struct transcript got = run_input(row, way);
	bool same;

	tap_context("way %zu", way);
	same = EXPECT_BYTES(expected->lines, expected->len, got.lines, got.len) &&
	       EXPECT_TEXT(expected->begins, got.begins);
	transcript_fini(&got);
	return same;
}

/* Every way of cutting gives these lines; the first that does not is noted. */
static void
check_ways(const struct row *row, const char *lines, size_t len)
{
	struct transcript whole = run_input(row, CUT_WHOLE);

	tap_context("whole");
	if (EXPECT_BYTES(lines, len, whole.lines, whole.len))
		for (size_t way = CUT_BYTES; way < cut_ways(row->len); way++)
			if (!check_way(row, &whole, way))
				break;
	transcript_fini(&whole);
}

static void
check_rows(const char *topic, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tap_begin("%s: %s", topic, rows[i].name);
		check_ways(&rows[i], rows[i].transcript, strlen(rows[i].transcript));
		tap_end();
	}
}

/* A record whose value is followed by `spaces` of white space before its line feed. */
static void
check_record_with_spaces(size_t spaces, const char *transcript)
{
	char *input;
	struct row row = {.max_message = 10, .max_depth = 1};
	FILE *out = open_memstream(&input, &row.len);

	if (out == NULL)
		abort();
	(void)fprintf(out, RS ONE "%*s\n" RS TWO "\n", (int)spaces, "");
	(void)fclose(out);
	row.input = input;
	check_ways(&row, transcript, strlen(transcript));
	free(input);
}

/* The white space behind a record's value is kept, so there is an end to it. */
static void
records_end_within_the_slack(void)
{
	size_t most = 10 + FRAME_SLACK_BYTES - 1 - strlen(ONE);

	check_record_with_spaces(most, MESSAGE(ONE) MESSAGE(TWO));
	check_record_with_spaces(most + 1, REJECT(too_large, 10) MESSAGE(TWO));
	check_record_with_spaces(most * 2, REJECT(too_large, 10) MESSAGE(TWO));
}

/* A line of `begin`, `spaces` of white space and `end`, and one more behind it. */
static void
check_line_with_spaces(
	const char *begin, size_t spaces, const char *end, const char *transcript)
{
	char *input;
	struct row row = {
		.max_message = 10, .max_depth = 1, .framing_after_hello = FRAMING_lines};
	FILE *out = open_memstream(&input, &row.len);

	if (out == NULL)
		abort();
	(void)fprintf(out, "%s%*s%s\n" TWO "\n", begin, (int)spaces, "", end);
	(void)fclose(out);
	row.input = input;
	check_ways(&row, transcript, strlen(transcript));
	free(input);
}

/* The same of a line; white space before the value and all of a bad line are dropped. */
static void
lines_end_within_the_slack(void)
{
	size_t most = 10 + FRAME_SLACK_BYTES - 1 - strlen(ONE);

	check_line_with_spaces(ONE, most, "", GOOD(ONE) GOOD(TWO));
	check_line_with_spaces(ONE, most + 1, "", BAD(too_large, 10) GOOD(TWO));
	check_line_with_spaces("", most * 2, ONE, GOOD(ONE) GOOD(TWO));
	check_line_with_spaces("{]", most * 2, "x", BAD(syntax, 1) GOOD(TWO));
	check_line_with_spaces("[", most * 2, "]", BAD(too_large, 10) GOOD(TWO));
}

/* What lies behind the hello is up to its reader; the first bytes decide no more. */
static void
a_hello_is_followed_by_what_it_says(void)
{
	static const char input[] = "BIO/1 {}\n" BOM "\n" RS ONE "\n" ONE "\n";
	const uint8_t *bytes = (const uint8_t *)input;
	size_t len = strlen(input), hello_len = strlen("BIO/1 {}\n");
	struct frame_item item;
	struct frame f;

	memset(&f, 0xa5, sizeof f);
	frame_init(&f, MAX_MESSAGE, MAX_DEPTH);
	EXPECT_INT(FRAME_MORE, frame_next(&f, bytes, 3, &item));
	EXPECT(frame_is_undecided(&f));
	EXPECT_INT(FRAME_FOREIGN, frame_next(&f, bytes, len, &item));
	EXPECT_INT(FRAME_PROTOCOL_BIO, item.protocol);
	EXPECT_INT(0, item.used);
	frame_begin_after_hello(&f, FRAMING_lines);
	EXPECT_INT(FRAMING_lines, f.framing);
	EXPECT(!frame_is_undecided(&f) && !frame_is_within(&f));
	bytes += hello_len;
	len -= hello_len;
	for (int i = 0; i < 2; i++) {
		EXPECT_INT(FRAME_REJECT, frame_next(&f, bytes, len, &item));
		bytes += item.used;
		len -= item.used;
	}
	EXPECT_INT(FRAME_MESSAGE, frame_next(&f, bytes, len, &item));
	EXPECT_BYTES(ONE, strlen(ONE), item.text, item.len);
	EXPECT_INT(len, item.used);
}

static void
verbs_need_their_space(void)
{
	static const char *const verbs[] = {"GET", "HEAD", "POST", "PUT", "PATCH",
		"DELETE", "OPTIONS", "CONNECT", "TRACE", "PRI"};
	static const struct {
		const char *behind, *transcript;
	} rows[] = {
		{" ", FOREIGN(http)},
		{" * HTTP/1.1\r\n\r\n" ONE "\n", FOREIGN(http)},
		{"", UNDECIDED REJECT(syntax, 0)},
		{"\n" ONE, REJECT(syntax, 0) MESSAGE(ONE)},
		{"S \n" ONE, REJECT(syntax, 0) MESSAGE(ONE)},
	};

	for (size_t i = 0; i < COUNT_OF(verbs) * COUNT_OF(rows); i++) {
		const char *transcript = rows[i % COUNT_OF(rows)].transcript;
		char input[64];
		struct row row = {.max_message = MAX_MESSAGE, .max_depth = MAX_DEPTH};

		row.input = input;
		row.len = (size_t)snprintf(input, sizeof input, "%s%s",
			verbs[i / COUNT_OF(rows)], rows[i % COUNT_OF(rows)].behind);
		check_ways(&row, transcript, strlen(transcript));
	}
}

/* A length whose three bytes all count. */
static void
long_frames(void)
{
	enum { LONG = 0x010203 };
	struct transcript expected = {.lines = MESSAGE("1") MESSAGE(ONE), .begins = ""};
	static const size_t ways[] = {CUT_WHOLE, CUT_IN_TWO(2), CUT_IN_TWO(LONG),
		CUT_IN_TWO(LONG + FRAME_LENGTH_BYTES)};
	char *input;
	struct row row = {.max_message = LONG, .max_depth = 1};
	FILE *out = open_memstream(&input, &row.len);

	if (out == NULL)
		abort();
	(void)fwrite("\0\1\2\3", 1, FRAME_LENGTH_BYTES, out);
	(void)fprintf(out, "%*d", (int)LONG, 1);
	(void)fwrite(LEN("\x07") ONE, 1, FRAME_LENGTH_BYTES + strlen(ONE), out);
	(void)fclose(out);
	row.input = input;
	expected.len = strlen(expected.lines);
	for (size_t i = 0; i < COUNT_OF(ways); i++)
		(void)check_way(&row, &expected, ways[i]);
	free(input);
}

static void
first_bytes_decide_the_framing(void)
{
	static const struct {
		const char *input;
		size_t len;
		enum framing framing;
	} rows[] = {
		{"{", 1, FRAMING_stream},
		{" ", 1, FRAMING_stream},
		{"junk", 4, FRAMING_stream},
		{BOM RS, 4, FRAMING_stream},
		{RS, 1, FRAMING_rs},
		{RS ONE, 8, FRAMING_rs},
		{"\0", 1, FRAMING_length},
		{"\0\0\0\0", 4, FRAMING_length},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct frame f;
		struct frame_item item;
		const uint8_t *input = (const uint8_t *)rows[i].input;

		tap_context("row %zu", i);
		frame_init(&f, MAX_MESSAGE, MAX_DEPTH);
		EXPECT(!frame_is_within(&f) && !frame_is_undecided(&f));
		EXPECT(frame_next(&f, input, rows[i].len, &item) <= FRAME_REJECT);
		EXPECT_INT(rows[i].framing, f.framing);
		EXPECT(!frame_is_undecided(&f));
	}
}

/* Of each rejected message, so that `begin` and `offset` together are a place. */
struct begins_row {
	const char *input;
	size_t len;
	const char *begins;
};

#define BEGINS(input, begins)                    \
	{                                        \
		input, sizeof(input) - 1, begins \
	}
static const struct begins_row stream_begins[] = {
	BEGINS("junk\n", "0 "),
	BEGINS(ONE "\n  [1,]\n" TWO "\n junk\n", "10 24 "),
	BEGINS(ONE "\n{\"i\":", "8 "),
	BEGINS(BOM " 12x\n", "4 "),
	BEGINS("[12345678901234567890]", "0 "),
	BEGINS(" \0 [12345678901234567890] x", "3 26 "),
	BEGINS("GE", "0 "),
};

static const struct begins_row record_begins[] = {
	BEGINS(RS ONE "\n" RS " 12" RS "\n" RS "x\n", "11 16 "),
	BEGINS(RS ONE "\nx\n", "9 "),
	BEGINS(RS "[12345678901234567890]\n", "1 "),
};

static const struct begins_row length_begins[] = {
	BEGINS(LEN("\x04") "  x " LEN("\x02") "[," LEN("\0") LEN("\x01") "]", "6 12 22 "),
	BEGINS(LEN("\x07") ONE "junk", "11 "),
	BEGINS(LEN("\x07") ONE LEN("\x20") "too large", "15 "),
	BEGINS(LEN("\x07") ONE LEN("\x07") "{", "15 "),
};

static const struct begins_row line_begins[] = {
	BEGINS(ONE "\n  [1,]\n" TWO "\n\n junk", "10 25 "),
	BEGINS(" 1\n [12345678901234567890]\n [[[[\n", "4 28 "),
};

static const struct begins_row numbered_record_begins[] = {
	BEGINS(RS ONE "\n" RS " 12" RS "\n" RS "x\n", "11 16 "),
	BEGINS(RS ONE "\nx\n" RS "[12345678901234567890]\n" RS " {", "9 12 37 "),
};

static const struct begins_row numbered_frame_begins[] = {
	BEGINS(LEN("\x04") "  x " LEN("\x0b") "xxxxxxxxxxx" LEN("\x02") "1", "6 12 27 "),
	BEGINS(LEN("\x0c") "too large", "4 "),
};

static void
check_begins(const char *topic, enum framing framing_after_hello,
	const struct begins_row *rows, size_t count)
{
	tap_begin("rejected messages tell their begin, framing %s", topic);
	for (size_t i = 0; i < count; i++) {
		struct row row = {.input = rows[i].input,
			.len = rows[i].len,
			.max_message = 10,
			.max_depth = 3,
			.framing_after_hello = framing_after_hello};
		struct transcript whole = run_input(&row, CUT_WHOLE);

		tap_context("row %zu", i);
		EXPECT_TEXT(rows[i].begins, whole.begins);
		check_ways(&row, whole.lines, whole.len);
		transcript_fini(&whole);
	}
	tap_end();
}

/* One text on its own, as a hello or a line hands it over. */
static void
whole_texts_are_judged(void)
{
	static const struct {
		const char *input, *transcript;
	} rows[] = {
		{ONE, MESSAGE(ONE)},
		{" \t" ONE "\r\n ", MESSAGE(ONE)},
		{"42", MESSAGE("42")},
		{"  -1.5e3  ", MESSAGE("-1.5e3")},
		{"true", MESSAGE("true")},
		{"[[[1]]]", MESSAGE("[[[1]]]")},
		{"[[[[1]]]]", REJECT(too_deep, 3)},
		{"", REJECT(syntax, 0)},
		{"  ", REJECT(syntax, 0)},
		{"{", REJECT(syntax, 1)},
		{"  {\"i\"", REJECT(syntax, 4)},
		{"1.", REJECT(syntax, 2)},
		{"tru", REJECT(syntax, 3)},
		{"  [1,]", REJECT(syntax, 3)},
		{"\"\xff\"", REJECT(utf8, 1)},
		{ONE TWO, REJECT(syntax, 7)},
		{" " ONE "  x", REJECT(syntax, 9)},
		{"1 2", REJECT(syntax, 2)},
		{"42x", REJECT(syntax, 2)},
		{ONE RS, REJECT(syntax, 7)},
		{BOM ONE, REJECT(syntax, 0)},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct frame_item item = {0};
		const uint8_t *input = (const uint8_t *)rows[i].input;
		char got[TAP_TEXT_MAX] = "";
		FILE *out = fmemopen(got, sizeof got, "w");

		if (out == NULL)
			abort();
		write_outcome(
			out, frame_judge(input, strlen(rows[i].input), 3, &item), &item);
		(void)fclose(out);
		EXPECT_TEXT(rows[i].transcript, got);
	}
}

/* Random documents. */
static void
write_string(FILE *out, uint64_t *random)
{
	static const char *const fragments[] = {"plain text",
		"a longer run of plain text", "\\n", "\\\"", "\\\\", "\\u00e9",
		"\\ud83d\\ude00", "\\ud800", "/",
		"\xe4\xb8\xad\xe6\x96\x87\xe6\xb6\x88\xe6\x81\xaf", "\xf0\x9f\x98\x80",
		"\xc3\xa9", "{", "}]", "[1,", ":", "\x7f"};

	(void)fputc('"', out);
	for (size_t n = random_below(random, 5); n > 0; n--)
		(void)fputs(fragments[random_below(random, COUNT_OF(fragments))], out);
	(void)fputc('"', out);
}

static void
write_white(FILE *out, uint64_t *random)
{
	static const char *const white[] = {"", "", "", "", " ", "\n", "\r\n\t", "  "};

	(void)fputs(white[random_below(random, COUNT_OF(white))], out);
}

static void
write_scalar(FILE *out, uint64_t *random)
{
	static const char *const scalars[] = {"0", "-0", "7", "-12", "3.25", "1e5",
		"-1.5E-3", "12345678901234567890", "true", "false", "null"};

	(void)fputs(scalars[random_below(random, COUNT_OF(scalars))], out);
}

static void
write_value(FILE *out, uint64_t *random, unsigned depth)
{
	size_t kind = random_below(random, depth > 0 ? 8 : 3);
	bool object = kind >= 6;

	if (kind == 0) {
		write_scalar(out, random);
		return;
	}
	if (kind < 3) {
		write_string(out, random);
		return;
	}
	(void)fputc(object ? '{' : '[', out);
	write_white(out, random);
	for (size_t n = random_below(random, 4); n > 0; n--) {
		if (object) {
			write_string(out, random);
			write_white(out, random);
			(void)fputc(':', out);
			write_white(out, random);
		}
		write_value(out, random, depth - 1);
		write_white(out, random);
		if (n > 1)
			(void)fputc(',', out);
	}
	(void)fputc(object ? '}' : ']', out);
}

static void
write_framed(
	FILE *out, uint64_t *random, enum framing framing, const char *text, size_t len)
{
	static const char separators[][4] = {"\n", "\r\n", " ", "\0", " \n\n", ""};
	static const size_t separator_lens[] = {1, 2, 1, 1, 3, 0};
	const uint8_t head[] = {
		0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
	static const uint8_t keep_alive[FRAME_LENGTH_BYTES] = {0};
	bool ends_itself = strchr("{[\"", text[0]) != NULL;
	size_t i = random_below(random, COUNT_OF(separators) - !ends_itself);

	switch (framing) {
	case FRAMING_stream:
		(void)fwrite(text, 1, len, out);
		(void)fwrite(separators[i], 1, separator_lens[i], out);
		break;
	case FRAMING_lines:
		(void)fprintf(out, "%s%s", text, i % 2 == 0 ? "\n" : " \r\n\n");
		break;
	case FRAMING_rs:
		(void)fprintf(out, RS "%s%s\n", text, i % 2 == 0 ? " " : "");
		break;
	case FRAMING_length:
		(void)fwrite(head, 1, sizeof head, out);
		(void)fwrite(text, 1, len, out);
		if (i == 0)
			(void)fwrite(keep_alive, 1, sizeof keep_alive, out);
		break;
	case FRAMING_COUNT:
		break;
	}
}

/* How the messages of a corpus are framed. */
static const struct manner {
	enum framing framing;
	bool after_hello;
} manners[] = {{FRAMING_stream, false}, {FRAMING_rs, false}, {FRAMING_length, false},
	{FRAMING_lines, true}, {FRAMING_rs, true}, {FRAMING_length, true}};

struct corpus {
	char *input, *transcript;
	size_t len, transcript_len;
};

static struct row
row_of_manner(const struct manner *manner)
{
	return (struct row){
		.max_message = FRAME_MESSAGE_MAX,
		.max_depth = 3,
		.framing_after_hello =
			manner->after_hello ? manner->framing : FRAMING_stream,
	};
}

static void
corpus_init(struct corpus *c, uint64_t *random, const struct manner *manner)
{
	FILE *input = open_memstream(&c->input, &c->len);
	FILE *transcript = open_memstream(&c->transcript, &c->transcript_len);

	if (input == NULL || transcript == NULL)
		abort();
	for (size_t n = 1 + random_below(random, 6); n > 0; n--) {
		char *text;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		if (out == NULL)
			abort();
		write_value(out, random, 3);
		(void)fclose(out);
		for (char *p = text; manner->framing == FRAMING_lines && *p != '\0'; p++)
			if (*p == '\n')
				*p = ' ';
		write_framed(input, random, manner->framing, text, len);
		(void)fprintf(transcript, "%smessage %s\n",
			manner->after_hello ? "# " : "", text);
		free(text);
	}
	(void)fclose(input);
	(void)fclose(transcript);
}

static void
corpus_fini(struct corpus *c)
{
	free(c->input);
	free(c->transcript);
}

static void
random_documents_come_out_as_they_are(void)
{
	for (size_t m = 0; m < COUNT_OF(manners); m++) {
		uint64_t random = m;

		tap_begin("random documents, framing %s%s",
			reason_framing_name(manners[m].framing),
			manners[m].after_hello ? ", numbered" : "");
		for (size_t i = 0; i < CORPUS_RUNS && tap.failures == 0; i++) {
			struct corpus c;
			struct row row = row_of_manner(&manners[m]);

			corpus_init(&c, &random, &manners[m]);
			row.input = c.input;
			row.len = c.len;
			check_ways(&row, c.transcript, c.transcript_len);
			corpus_fini(&c);
		}
		tap_end();
	}
}

static void
mutate(struct corpus *c, uint64_t *random)
{
	static const char bytes[] = "\0\0\x01\n\n \x1e{[\"\\}],:1\x80\xe4\xff";

	for (size_t n = 1 + random_below(random, 4); n > 0; n--)
		c->input[random_below(random, c->len)] =
			bytes[random_below(random, sizeof bytes - 1)];
}

/* Whatever comes: the cuts change nothing. */
static void
cuts_change_nothing_about_damaged_documents(void)
{
	uint64_t random = 1;

	for (size_t i = 0; i < MUTATION_RUNS && tap.failures == 0; i++) {
		const struct manner *manner =
			&manners[random_below(&random, COUNT_OF(manners))];
		struct corpus c;
		struct row row = row_of_manner(manner);
		struct transcript whole;

		row.is_broken = random_below(&random, 2) == 0;
		row.max_message = FRAME_MESSAGE_MIN + random_below(&random, 100);
		row.max_depth = 1 + (unsigned)random_below(&random, 4);
		corpus_init(&c, &random, manner);
		mutate(&c, &random);
		row.input = c.input;
		row.len = c.len;
		whole = run_input(&row, CUT_WHOLE);
		check_ways(&row, whole.lines, whole.len);
		transcript_fini(&whole);
		corpus_fini(&c);
	}
}

static bool
is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!scan_is_white((uint8_t)text[i]))
			return false;
	return true;
}

/* How many parts behind (or up to) a separator hold more than white space. */
static size_t
count_parts(const char *text, size_t len, char separator)
{
	size_t count = 0;
	const char *end;

	while ((end = memchr(text, separator, len)) != NULL) {
		count += !is_blank(text, (size_t)(end - text));
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	return count;
}

static size_t
count_frames(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	size_t count = 0;

	while (end - p >= FRAME_LENGTH_BYTES && p[0] == 0) {
		size_t frame = (size_t)p[1] << 16 | (size_t)p[2] << 8 | (size_t)p[3];

		p += FRAME_LENGTH_BYTES;
		if ((size_t)(end - p) < frame)
			break;
		p += frame;
		count += frame > 0;
	}
	return count;
}

/* Of an input that ends with a separator. */
static size_t
count_numbers(const struct row *row)
{
	const char *first = memchr(row->input, *RS, row->len);

	if (row->framing_after_hello == FRAMING_lines)
		return count_parts(row->input, row->len, '\n');
	if (row->framing_after_hello == FRAMING_length)
		return count_frames(row->input, row->len);
	return count_parts(first + 1, (size_t)(row->input + row->len - first - 1), *RS);
}

static size_t
count_told_numbers(const struct transcript *t)
{
	size_t count = t->len > 0 && t->lines[0] == '#';

	for (size_t i = 1; i < t->len; i++)
		count += t->lines[i] == '#' && t->lines[i - 1] == '\n';
	return count;
}

/* Whatever comes: each line, record or frame is one number, and nothing else is. */
static void
damaged_documents_keep_their_numbers(void)
{
	uint64_t random = 2;

	for (size_t i = 0; i < NUMBER_RUNS && tap.failures == 0; i++) {
		const struct manner *manner = &manners[3 + i % 3];
		struct corpus c;
		struct row row = row_of_manner(manner);
		struct transcript whole;

		corpus_init(&c, &random, manner);
		mutate(&c, &random);
		if (manner->framing != FRAMING_length)
			c.input[c.len - 1] = manner->framing == FRAMING_rs ? *RS : '\n';
		row.max_message = FRAME_MESSAGE_MIN + random_below(&random, 100);
		row.input = c.input;
		row.len = c.len;
		whole = run_input(&row, CUT_WHOLE);
		tap_context("run %zu", i);
		EXPECT_INT(count_numbers(&row), count_told_numbers(&whole));
		transcript_fini(&whole);
		corpus_fini(&c);
	}
}

/* The outcome of a line of its own is what frame_judge says, but for the limit. */
static void
check_line(const uint8_t *line, size_t len)
{
	struct frame_item expected = {0}, got = {0};
	enum frame_event event = frame_judge(line, len - 1, 3, &expected);
	struct frame f;

	frame_init(&f, FRAME_MESSAGE_MAX, 3);
	frame_begin_after_hello(&f, FRAMING_lines);
	EXPECT_INT(event, frame_next(&f, line, len, &got));
	EXPECT_INT(len, got.used);
	EXPECT(got.finishes_number);
	if (event == FRAME_MESSAGE) {
		EXPECT_INT(expected.len, got.len);
		return;
	}
	EXPECT_INT(expected.begin, got.begin);
	EXPECT_INT(expected.offset, got.offset);
	EXPECT_INT(expected.reason, got.reason);
}

static void
lines_are_judged_as_texts_are(void)
{
	uint64_t random = 3;

	for (size_t i = 0; i < NUMBER_RUNS && tap.failures == 0; i++) {
		struct corpus c;
		const char *line, *end;

		tap_context("run %zu", i);
		corpus_init(&c, &random, &manners[3]);
		mutate(&c, &random);
		c.input[c.len - 1] = '\n';
		line = c.input + strspn(c.input, " \t\r\n");
		end = memchr(line, '\n', (size_t)(c.input + c.len - line));
		if (end != NULL)
			check_line((const uint8_t *)line, (size_t)(end + 1 - line));
		corpus_fini(&c);
	}
}

/*
 * Each byte is scanned once: a scan that began anew with every read would take days here,
 * and one that looks at what it has taken already sees that it is gone, but for the first
 * byte, which tells what kind of value it is.
 */
static void
ten_mebibytes_byte_by_byte_are_scanned_once(void)
{
	enum { LEN = 10 * 1024 * 1024 };
	uint8_t *text = malloc(LEN);
	struct frame_item item;
	struct frame f;

	memset(text, 'x', LEN);
	text[0] = text[LEN - 1] = '"';
	frame_init(&f, LEN, MAX_DEPTH);
	for (size_t len = 1; len < LEN; len++) {
		if (!EXPECT_INT(FRAME_MORE, frame_next(&f, text, len, &item)) ||
			!EXPECT_INT(0, item.used))
			break;
		if (len > 1)
			text[len - 1] = '\0';
	}
	EXPECT_INT(FRAME_MESSAGE, frame_next(&f, text, LEN, &item));
	EXPECT_INT(LEN, item.len);
	free(text);
}

int
main(void)
{
	check_rows("stream", streams, COUNT_OF(streams));
	check_rows("number", numbers, COUNT_OF(numbers));
	check_rows("resync", resyncs, COUNT_OF(resyncs));
	check_rows("record", records, COUNT_OF(records));
	check_rows("length", lengths, COUNT_OF(lengths));
	check_rows("limit", limits, COUNT_OF(limits));
	check_rows("numbered line", numbered_lines, COUNT_OF(numbered_lines));
	check_rows("numbered record", numbered_records, COUNT_OF(numbered_records));
	check_rows("numbered frame", numbered_frames, COUNT_OF(numbered_frames));
	check_rows("prefix", prefixes, COUNT_OF(prefixes));
	TAP_RUN(records_end_within_the_slack);
	TAP_RUN(lines_end_within_the_slack);
	TAP_RUN(a_hello_is_followed_by_what_it_says);
	TAP_RUN(verbs_need_their_space);
	TAP_RUN(long_frames);
	TAP_RUN(first_bytes_decide_the_framing);
	check_begins("stream", FRAMING_stream, stream_begins, COUNT_OF(stream_begins));
	check_begins("rs", FRAMING_stream, record_begins, COUNT_OF(record_begins));
	check_begins("length", FRAMING_stream, length_begins, COUNT_OF(length_begins));
	check_begins("numbered lines", FRAMING_lines, line_begins, COUNT_OF(line_begins));
	check_begins("numbered rs", FRAMING_rs, numbered_record_begins,
		COUNT_OF(numbered_record_begins));
	check_begins("numbered length", FRAMING_length, numbered_frame_begins,
		COUNT_OF(numbered_frame_begins));
	TAP_RUN(whole_texts_are_judged);
	random_documents_come_out_as_they_are();
	TAP_RUN(cuts_change_nothing_about_damaged_documents);
	TAP_RUN(damaged_documents_keep_their_numbers);
	TAP_RUN(lines_are_judged_as_texts_are);
	TAP_RUN(ten_mebibytes_byte_by_byte_are_scanned_once);
	return tap_finish();
}
