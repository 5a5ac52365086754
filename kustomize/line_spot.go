package kustomize

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
)

// textPlace is the line of a text file whose value a Spot is.
type textPlace struct {
	line   yamledit.Span // without its end
	behind bool          // a marker can stand behind the value
}

// findSpots finds the lines that clearly show an image, and tells values of one key apart:
// the later ones are numbered, whether they are bound or not.
func (s *lineScanner) findSpots() {
	bound := map[int]*Use{}
	for i := range s.Uses {
		bound[s.Uses[i].Line] = &s.Uses[i]
	}
	seen := map[string]int{}
	number := func(key string) string {
		seen[key]++
		if n := seen[key] - 1; n > 0 {
			return key + "[" + strconv.Itoa(n) + "]"
		}
		return key
	}
	alone := s.alone()
	for i := range s.lines {
		if u := bound[i+1]; u != nil {
			u.Path = number(u.Label)
			continue
		}
		spot, ok := s.spot(i)
		if !ok || !alone[i] {
			continue
		}
		spot.Path = number(spot.Label)
		s.spots = append(s.spots, spot)
	}
}

// spot is what a line shows when that is clearly an image.
func (s *lineScanner) spot(i int) (Spot, bool) {
	line, code := s.line(i), s.code(i)
	if s.kind.isComment(line) || condition.MatchString(line) || strings.Count(code, `"`)%2 > 0 {
		return Spot{}, false
	}
	at, wrong := theReference(code)
	if wrong != nil {
		return Spot{}, false
	}
	key := keyBefore(code[:at.Start])
	spot := Spot{
		Line: i + 1, First: i + 1, Last: i + 1, Kind: SpotLine, Document: "0", Label: key,
		text: &textPlace{line: s.lines[i], behind: s.kind.behind && code == line && strings.TrimRight(line, " \t") == line},
	}
	spot.show(splitPullSpec(code[at.Start:at.End]))
	return spot, spot.isClear(key)
}

// isClear reports whether a text can be nothing but an image: it has a digest, or it has a
// tag and its registry, or its key says so.
func (s Spot) isClear(key string) bool {
	host, _, ok := strings.Cut(s.Repository, "/")
	switch {
	case s.Digest != "", strings.Contains(strings.ToLower(key), "image"):
		return !picture.MatchString(s.Repository)
	}
	return ok && s.Tag != "" && (strings.ContainsAny(host, ".:") || host == "localhost")
}

var (
	// heredoc is where a text of several lines begins, in shells, Terraform and others, and
	// what ends it.
	heredoc = regexp.MustCompile(`<<[-~]?\s*["'\\]?([A-Za-z_]\w*)`)

	// define is where the text of a variable begins in a Makefile.
	define = regexp.MustCompile(`^ *(override +|export +)*define\s`)

	// condition is a line that compares.
	condition = regexp.MustCompile(`^\s*(if|ifeq|ifneq|else|elif|case|when|while|until)\b`)
)

// alone says of each line whether it stands by itself: not in a text or a comment of several
// lines, nor in one that goes on. A marker there would be a part of something.
func (s *lineScanner) alone() []bool {
	alone := make([]bool, len(s.lines))
	word, quote, comment, goesOn := "", byte(0), false, false
	for i := range s.lines {
		line := s.line(i)
		if word != "" {
			if strings.TrimSpace(line) == word {
				word = ""
			}
			continue
		}
		inside := quote != 0 || comment || goesOn
		if s.kind.isComment(line) && !inside {
			continue
		}
		code := s.code(i)
		quote = openQuote(code, quote)
		if m := heredoc.FindStringSubmatch(code); m != nil && quote == 0 {
			word = m[1]
		} else if define.MatchString(code) {
			word = "endef"
		}
		if slices.Contains(s.kind.openers, "//") {
			comment = strings.LastIndex(code, "/*") > strings.LastIndex(code, "*/") || comment && !strings.Contains(code, "*/")
		}
		goesOn = strings.HasSuffix(strings.TrimRight(line, " \t"), `\`)
		alone[i] = !inside && quote == 0 && word == "" && !comment && !goesOn
	}
	return alone
}

// openQuote is the quote that is open at the end of a line, where one was open before it; 0
// for none. Three of them in a row are one that lasts. An apostrophe in a word is none.
func openQuote(line string, open byte) byte {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && open != '\'':
			i++
		case open != 0 && c == open:
			open = 0
		case open == 0 && (c == '"' || c == '\'' && (i == 0 || strings.IndexByte(" \t=(:[,'", line[i-1]) >= 0)):
			open = c
		}
	}
	return open
}

// markText is a marker behind the value of a line, or on a line of its own above it.
func (p *places) markText(s Spot, ref string) []func() (note, error) {
	kind, _ := kindOf(p.name)
	text := kind.openers[0] + " " + markerText(ref)
	behind := func() (note, error) {
		if !s.text.behind {
			return note{}, &yamledit.Error{Line: s.Line, Reason: "a comment stands behind the value, or would be a part of it"}
		}
		return note{plain: change{yamledit.Span{Start: s.text.line.End, End: s.text.line.End}, " " + text}}, nil
	}
	above := func() (note, error) {
		line := string(p.src[s.text.line.Start:s.text.line.End])
		indent := ""
		if kind.behind {
			indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		}
		at := s.text.line.Start
		return note{plain: change{yamledit.Span{Start: at, End: at}, indent + text + breakOf(p.src, at)}}, nil
	}
	return []func() (note, error){behind, above}
}

// lineSpots are the lines of a text file that show an image; f is what it binds.
func lineSpots(name string, src []byte, f *File) []Spot {
	var spots []Spot
	if Finds(name) && len(src) <= MaxSize {
		kind, _ := kindOf(name)
		_, spots = readLines(kind, src)
	}
	n := len(spots)
	spots = boundSpots(spots, f.Uses)
	for i := range spots[n:] {
		spots[n+i].Kind = SpotLine
	}
	return inOrder(spots)
}
