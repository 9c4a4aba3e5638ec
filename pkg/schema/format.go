package schema

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// format is a kind of text. A value of another type than text has every format.
type format struct {
	name  string
	valid func(string) bool
}

// formats are those that the drafts up to 7 and 2019-09 name, but for the two of
// internationalized names, and two that are in use besides.
var formats = [...]format{
	{"date", isDate}, {"time", isTime}, {"date-time", isDateTime}, {"duration", isDuration}, {"period", isPeriod},
	{"email", isEmail}, {"hostname", isHostname}, {"ipv4", isIPv4}, {"ipv6", isIPv6},
	{"uri", isURI}, {"iri", isURI}, {"uri-reference", isURIReference}, {"iri-reference", isURIReference}, {"uri-template", isURITemplate},
	{"json-pointer", isPointer}, {"relative-json-pointer", isRelativePointer},
	{"uuid", isUUID}, {"regex", isRegex}, {"semver", isSemver},
}

// formatNamed is nil for a format that is not known, which is a mere remark.
func formatNamed(name string) *format {
	for i := range formats {
		if formats[i].name == name {
			return &formats[i]
		}
	}
	return nil
}

// Dates and times are those of RFC 3339.

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isDateTime(s string) bool {
	const day = len(time.DateOnly)
	return len(s) > day && (s[day] == 'T' || s[day] == 't') && isDate(s[:day]) && isTime(s[day+1:])
}

// isTime does without package time, which knows no leap seconds. They are at
// the end of a day in UTC.
func isTime(s string) bool {
	hour, ok1 := twoDigits(&s, 23)
	minute, ok2 := twoDigits(cutByte(&s, ':'), 59)
	second, ok3 := twoDigits(cutByte(&s, ':'), 60)
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		s = strings.TrimLeft(fraction, digits)
		if len(s) == len(fraction) {
			return false
		}
	}
	offset, ok := isOffset(s)
	const day = 24 * 60
	return ok && (second < 60 || (hour*60+minute-offset+day)%day == day-1)
}

// isOffset reads the offset from UTC, in minutes.
func isOffset(s string) (minutes int, ok bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	sign := s[0]
	s = s[1:]
	hour, ok1 := twoDigits(&s, 23)
	minute, ok2 := twoDigits(cutByte(&s, ':'), 59)
	minutes = hour*60 + minute
	if sign == '-' {
		minutes = -minutes
	}
	return minutes, ok1 && ok2 && s == ""
}

const (
	digits     = "0123456789"
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	labelRunes = letters + digits + "-"
)

// twoDigits takes a number from the front of the text.
func twoDigits(s *string, most int) (n int, ok bool) {
	if s == nil || len(*s) < 2 || !isOf((*s)[:2], digits) {
		return 0, false
	}
	n = int((*s)[0]-'0')*10 + int((*s)[1]-'0')
	*s = (*s)[2:]
	return n, n <= most
}

// cutByte takes the byte from the front of the text; nil if it is not there.
func cutByte(s *string, b byte) *string {
	if *s == "" || (*s)[0] != b {
		return nil
	}
	*s = (*s)[1:]
	return s
}

// isOf reports whether the text has no characters but these.
func isOf(s, characters string) bool { return strings.Trim(s, characters) == "" }

// isNumber reports whether the text is digits without zeros before them.
func isNumber(s string) bool {
	return s != "" && isOf(s, digits) && (s == "0" || s[0] != '0')
}

// isDuration is that of appendix A of RFC 3339, where a unit between two others
// may be left out.
func isDuration(s string) bool {
	s, ok := strings.CutPrefix(s, "P")
	if !ok || s == "" {
		return false
	}
	if weeks, ok := strings.CutSuffix(s, "W"); ok {
		return weeks != "" && isOf(weeks, digits)
	}
	date, clock, timed := strings.Cut(s, "T")
	return isAmounts(date, "YMD") && (!timed || clock != "" && isAmounts(clock, "HMS"))
}

// isAmounts reports whether the text is numbers with units, in their order.
func isAmounts(s, units string) bool {
	for s != "" {
		rest := strings.TrimLeft(s, digits)
		if rest == "" || len(rest) == len(s) {
			return false
		}
		i := strings.IndexByte(units, rest[0])
		if i < 0 {
			return false
		}
		s, units = rest[1:], units[i+1:]
	}
	return true
}

func isPeriod(s string) bool {
	start, end, ok := strings.Cut(s, "/")
	switch {
	case !ok:
		return false
	case strings.HasPrefix(start, "P"):
		return isDuration(start) && isDateTime(end)
	}
	return isDateTime(start) && (isDateTime(end) || isDuration(end))
}

// isEmail is a mailbox without a name before it or comments in it, which
// net/mail lets through.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || len(s) > 254 || at > 64 {
		return false
	}
	return isLocalPart(s[:at]) && isMailDomain(s[at+1:])
}

func isLocalPart(s string) bool {
	if len(s) > 1 && strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`) {
		return !strings.ContainsAny(s[1:len(s)-1], `\"`)
	}
	return isOf(s, letters+digits+".!#$%&'*+-/=?^_`{|}~") &&
		!strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}

func isMailDomain(s string) bool {
	inner, ok := strings.CutPrefix(s, "[")
	if inner, closed := strings.CutSuffix(inner, "]"); ok && closed {
		if v6, ok := strings.CutPrefix(inner, "IPv6:"); ok {
			return isIPv6(v6)
		}
		return isIPv4(inner)
	}
	return isHostname(s)
}

func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || !isOf(label, labelRunes) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func isIPv4(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is4()
}

func isIPv6(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is6() && address.Zone() == ""
}

func isURI(s string) bool {
	u := parseURL(s)
	return u != nil && u.IsAbs()
}

func isURIReference(s string) bool {
	return !strings.Contains(s, `\`) && parseURL(s) != nil
}

// parseURL checks what net/url does not: that what has colons is an IPv6
// address in brackets.
func parseURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		return nil
	}
	if host := u.Hostname(); strings.Contains(host, ":") && !(strings.ContainsRune(u.Host, '[') && isIPv6(host)) {
		return nil
	}
	return u
}

// isURITemplate is a URL whose braces are in pairs and not nested.
func isURITemplate(s string) bool {
	u := parseURL(s)
	if u == nil {
		return false
	}
	for segment := range strings.SplitSeq(u.RawPath, "/") {
		segment, err := url.PathUnescape(segment)
		if err != nil {
			return false
		}
		open := false
		for _, r := range segment {
			if r == '{' && open || r == '}' && !open {
				return false
			}
			if r == '{' || r == '}' {
				open = !open
			}
		}
		if open {
			return false
		}
	}
	return true
}

// isPointer is a JSON pointer, RFC 6901.
func isPointer(s string) bool {
	return s == "" || s[0] == '/' && !strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(s), "~")
}

func isRelativePointer(s string) bool {
	rest := strings.TrimLeft(s, digits)
	return isNumber(s[:len(s)-len(rest)]) && (rest == "#" || isPointer(rest))
}

func isUUID(s string) bool {
	groups := strings.Split(s, "-")
	if len(groups) != 5 {
		return false
	}
	for i, length := range [...]int{8, 4, 4, 4, 12} {
		if len(groups[i]) != length || !isOf(groups[i], digits+"abcdefABCDEF") {
			return false
		}
	}
	return true
}

func isRegex(s string) bool {
	_, err := regexp.Compile(s)
	return err == nil
}

// isSemver is a version of semver.org 2.0.0.
func isSemver(s string) bool {
	s, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !isIdentifiers(build, false) || hasPre && !isIdentifiers(pre, true) {
		return false
	}
	numbers := strings.Split(core, ".")
	return len(numbers) == 3 && isNumber(numbers[0]) && isNumber(numbers[1]) && isNumber(numbers[2])
}

// isIdentifiers reports whether the text is identifiers with dots between them.
// Numbers among those before a release have no zeros before them.
func isIdentifiers(s string, strict bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || !isOf(id, labelRunes) || strict && isOf(id, digits) && !isNumber(id) {
			return false
		}
	}
	return true
}
