package textfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// EncodingError is text that cannot be read. It does not contain any of the text, which may
// be a secret.
type EncodingError struct {
	Line, Column int // of the first wrong character, from 1; 0: unknown
	What         string
	Likely       string // the encoding that it may have, by its name for iconv; "": unknown
}

func (e *EncodingError) Error() string {
	text := e.What
	if e.Likely != "" {
		text += "; it may be " + encodings[e.Likely]
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, text)
	}
	return text
}

// Hint says how to convert the text.
func (e *EncodingError) Hint() string {
	if e.Likely == "" {
		return "save it as UTF-8"
	}
	return "save it as UTF-8, or convert it: iconv -f " + e.Likely + " -t UTF-8 FILE > NEW"
}

// encodings describes the encodings that are recognized, by their names for iconv.
var encodings = map[string]string{
	"UTF-16LE": "UTF-16 without a byte order mark", "UTF-16BE": "UTF-16 without a byte order mark", "UTF-32": "UTF-32",
	"WINDOWS-1252": "Windows-1252 or a similar encoding", "MACINTOSH": "Mac Roman",
}

const ctrlZ = 0x1a

// NewReader returns a reader of the text in r as UTF-8, without a byte order mark. The text
// is UTF-8, or UTF-16 with a byte order mark. What is neither, and a NUL, is an
// *EncodingError. With lines, a CR alone becomes LF, and a Ctrl-Z is cut at the end, where DOS
// wrote one, and an error elsewhere.
func NewReader(r io.Reader, lines bool) io.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	mark, _ := b.Peek(4) // the next read has the error again
	c := &checker{lines: lines, first: true, line: 1}
	var source io.Reader = b
	switch {
	case bytes.HasPrefix(mark, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(mark, []byte("\x00\x00\xfe\xff")):
		c.failed = &EncodingError{What: ErrNotText.Error(), Likely: "UTF-32"}
	case bytes.HasPrefix(mark, []byte("\xff\xfe")):
		_, _ = b.Discard(2) // it was read
		source = transform.NewReader(b, fromUTF16{order: binary.LittleEndian})
	case bytes.HasPrefix(mark, []byte("\xfe\xff")):
		_, _ = b.Discard(2)
		source = transform.NewReader(b, fromUTF16{order: binary.BigEndian})
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
	}
	return &reader{transform.NewReader(source, c), c}
}

// reader adds the position to an error of fromUTF16.
type reader struct {
	text  *transform.Reader
	check *checker
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.text.Read(p)
	if what, ok := err.(utf16Error); ok {
		err = r.check.wrong(string(what), "")
	}
	return n, err
}

// fromUTF16 is a transform.Transformer from UTF-16 without a byte order mark. Its errors are
// those of transform and utf16Errors; the one of x/text replaces what is wrong.
type fromUTF16 struct {
	transform.NopResetter
	order binary.ByteOrder
}

type utf16Error string

func (e utf16Error) Error() string { return string(e) }

// Transform implements transform.Transformer.
func (f fromUTF16) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for len(src)-nSrc >= 2 {
		r, size := rune(f.order.Uint16(src[nSrc:])), 2
		if utf16.IsSurrogate(r) {
			if size = 4; len(src)-nSrc >= size {
				r = utf16.DecodeRune(r, rune(f.order.Uint16(src[nSrc+2:])))
			} else if !atEOF {
				return nDst, nSrc, transform.ErrShortSrc
			}
			if r == unicode.ReplacementChar || len(src)-nSrc < size {
				return nDst, nSrc, utf16Error("not valid UTF-16: an unpaired surrogate")
			}
		}
		if len(dst)-nDst < utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
	switch {
	case nSrc == len(src):
		return nDst, nSrc, nil
	case atEOF:
		return nDst, nSrc, utf16Error("not valid UTF-16: it ends with half a character")
	}
	return nDst, nSrc, transform.ErrShortSrc
}

// checker is a transform.Transformer of UTF-8 text to the same text with the line ends of
// NewReader. Its errors are those of transform and *EncodingErrors.
type checker struct {
	transform.NopResetter
	lines  bool
	failed error // of the byte order mark
	first  bool  // nothing was read yet
	mac    bool  // there was a CR alone

	line, column int // number of the line, and of the characters that were read of it
}

// Transform implements transform.Transformer.
func (c *checker) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	if c.failed != nil {
		return 0, 0, c.failed
	}
	text := src[:min(len(src), len(dst))]
	switch {
	case len(text) < len(src):
		text, err = text[:c.whole(text)], transform.ErrShortDst
	case !atEOF:
		if text = text[:c.whole(text)]; len(text) < len(src) {
			err = transform.ErrShortSrc
		}
	case c.lines && bytes.HasSuffix(text, []byte{ctrlZ}):
		text, nSrc = text[:len(text)-1], 1
	}
	valid := c.valid(text)
	nDst = copy(dst, text[:valid])
	nSrc += nDst
	if c.lines {
		c.endLines(dst[:nDst])
	}
	c.count(dst[:nDst])
	if valid < len(text) {
		nSrc, err = nDst, c.explain(text, valid)
	}
	c.first = false
	return nDst, nSrc, err
}

// whole returns the length of text without an incomplete character at its end, or one whose
// meaning depends on what follows.
func (c *checker) whole(text []byte) int {
	n := len(text)
	if n > 0 && c.lines && (text[n-1] == '\r' || text[n-1] == ctrlZ) {
		return n - 1
	}
	for i := n - 1; i >= max(n-utf8.UTFMax+1, 0); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return i
			}
			break
		}
	}
	return n
}

// valid returns the length of text before what is wrong.
func (c *checker) valid(text []byte) int {
	for _, b := range []byte{0, ctrlZ} {
		if i := bytes.IndexByte(text, b); i >= 0 && (b == 0 || c.lines) {
			text = text[:i]
		}
	}
	if utf8.Valid(text) {
		return len(text)
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

// endLines replaces each CR that is not followed by LF.
func (c *checker) endLines(text []byte) {
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 {
			return
		}
		if i+1 == len(text) || text[i+1] != '\n' {
			text[i], c.mac = '\n', true
		}
		text = text[i+1:]
	}
}

func (c *checker) count(text []byte) {
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		c.line += bytes.Count(text, []byte("\n"))
		c.column, text = 0, text[i+1:]
	}
	c.column += utf8.RuneCount(text)
}

// wrong returns the error of the next character.
func (c *checker) wrong(what, likely string) *EncodingError {
	return &EncodingError{c.line, c.column + 1, what, likely}
}

// explain returns the error of the character at i.
func (c *checker) explain(text []byte, i int) *EncodingError {
	switch {
	case text[i] == 0:
		likely := ""
		if c.first {
			likely = likelyWide(text)
		}
		return c.wrong(ErrNotText.Error()+": a NUL character", likely)
	case text[i] == ctrlZ:
		return c.wrong("Ctrl-Z (U+001A) before the end", "")
	case c.mac && isolated(text):
		return c.wrong(ErrNotText.Error(), "MACINTOSH")
	case isolated(text) && !slices.ContainsFunc(text, func(b byte) bool { return strings.IndexByte(notWindows1252, b) >= 0 }):
		return c.wrong(ErrNotText.Error(), "WINDOWS-1252")
	}
	return c.wrong(ErrNotText.Error(), "")
}

// likelyWide returns the encoding of the beginning of a text by where its NULs are.
func likelyWide(text []byte) string {
	var nul [2]int // at even and odd offsets
	for i, b := range text {
		if b == 0 {
			nul[i%2]++
		}
	}
	pairs := len(text) / 2
	switch even, odd := nul[0], nul[1]; {
	case pairs < 2:
	case even+odd > pairs*5/4:
		return "UTF-32"
	case odd > pairs/2 && even < pairs/10+1:
		return "UTF-16LE"
	case even > pairs/2 && odd < pairs/10+1:
		return "UTF-16BE"
	}
	return ""
}

// notWindows1252 are the bytes that Windows-1252 does not use.
const notWindows1252 = "\x81\x8d\x8f\x90\x9d"

// isolated reports whether most of the bytes that are not ASCII stand between ASCII, as the
// accented letters in Western European text of one byte per character.
func isolated(text []byte) bool {
	all, alone := 0, 0
	high := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= utf8.RuneSelf }
	for i := range text {
		if high(i) {
			if all++; !high(i-1) && !high(i+1) {
				alone++
			}
		}
	}
	return alone > all/2
}
