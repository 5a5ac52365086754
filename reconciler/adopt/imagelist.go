package adopt

import (
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// listed is one image of an image-list of Argo CD Image Updater.
type listed struct {
	alias      string // as annotations spell it: "/" is "_"; "" = none
	image      stream.Image
	constraint string // what stands behind the colon; "" = nothing
}

// imageList reads [alias=]repository[:constraint], with commas between them.
func imageList(s string) ([]listed, error) {
	var all []listed
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		one, err := listedImage(part)
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

func listedImage(s string) (listed, error) {
	var l listed
	rest := s
	if alias, image, ok := strings.Cut(s, "="); ok && !strings.ContainsAny(alias, ":@") {
		l.alias, rest = strings.ReplaceAll(strings.TrimSpace(alias), "/", "_"), strings.TrimSpace(image)
	}
	name := rest
	if i := strings.IndexByte(rest[strings.LastIndexByte(rest, '/')+1:], ':'); i >= 0 {
		i += strings.LastIndexByte(rest, '/') + 1
		name, l.constraint = rest[:i], strings.TrimSpace(rest[i+1:])
	}
	var err error
	if l.image, err = stream.ParseImage(name); err != nil {
		return l, err
	}
	l.image.Tag = ""
	return l, nil
}
