package plan

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// ErrNotHeld says that there is nothing to let go.
var ErrNotHeld = errors.New("nothing holds it")

// UseAt is the binding that reports name by file and line, else the innermost one that
// the line belongs to.
func (v *View) UseAt(file string, line int) (*Use, error) {
	f := v.file(file)
	switch {
	case f == nil:
		return nil, fmt.Errorf("%s has no marker and no trigger that binds an image", file)
	case f.Broken != "":
		return nil, fmt.Errorf("%s cannot be edited: %s", file, f.Broken)
	}
	var lines []string
	var found *kustomize.Use
	for i, u := range f.Uses {
		if u.Covers(line) && (found == nil || found.Line != line) {
			found = &f.Uses[i]
		}
		lines = append(lines, strconv.Itoa(u.Line))
	}
	if found != nil {
		bound := bind(v.Tree.Settings, file, *found)
		return &bound, bound.Err
	}
	return nil, fmt.Errorf("%s:%d binds no image: there is line %s", file, line, strings.Join(lines, ", "))
}

// Pause is src, the file of a consumer, with the reason why it stands still in its marker.
func (u *Use) Pause(src []byte, reason string) ([]byte, error) {
	return kustomize.Pause(path.Base(u.File), src, u.Use, reason)
}

// Release ends the hold of a consumer: src, the file that it stands in, with what the tag
// shows in the tip, or with the pause taken out of its marker, after which the next pass
// writes it. It is ErrNotHeld where the consumer shows its tag already.
func (v *View) Release(operator Operator, u *Use, src []byte) ([]byte, error) {
	name := path.Base(u.File)
	if u.Paused != "" {
		return u.Pause(src, "")
	}
	head := v.status(u.Ref).Head()
	if head == nil {
		return nil, fmt.Errorf("%s: %s has no image", u.Pos(), u.Ref)
	}
	n := Look(v, nil, operator).Next(nil, nil, nil, nil, time.Time{})
	image := n.image(n.tags[u.Ref], *head)
	var wants []kustomize.Want
	for _, part := range v.partsWith(u) {
		switch {
		case part.Refused != "":
			return nil, fmt.Errorf("%s: %s", part.Pos(), part.Refused)
		case !part.Shows(image):
			wants = append(wants, kustomize.Want{Use: part.Use, Image: image})
		}
	}
	switch {
	case len(wants) == 0:
		return nil, fmt.Errorf("%s shows what %s has: %w", u.Pos(), u.Ref, ErrNotHeld)
	case !n.mayUse(*u):
		return nil, fmt.Errorf("%s: %s\n%s", u.Pos(), notGranted(u.Ref, u.Namespace), grantHint(u.Ref, u.Namespace))
	}
	result := kustomize.Apply(name, src, wants)
	if err := errors.Join(result.Errs...); err != nil {
		return nil, fmt.Errorf("%s: not changed: %w", u.Pos(), err)
	}
	return result.Src, nil
}

// Resumed are the status files of a tag, or of all tags of a stream, that stand still by
// themselves no longer, by path; with acceptRejected also without what was rejected.
// Those that neither concerns are left out.
func (v *View) Resumed(ref stream.Ref, acceptRejected bool) map[string][]byte {
	all := map[string][]byte{}
	for at, st := range v.Tree.Status {
		if at.Stream() != ref.Stream() || ref.Tag != "" && at != ref {
			continue
		}
		c := pausedItself(st)
		accepts := acceptRejected && len(st.Rejected) > 0
		if c == (stream.Condition{}) && !accepts {
			continue
		}
		st := clone(st, at)
		st.Conditions = slices.DeleteFunc(st.Conditions, func(of stream.Condition) bool { return of == c })
		if accepts {
			st.Rejected = nil
		}
		all[stream.StatusPath(v.Tree.Settings.Streams.StatusDirectory, at)] = st.Encode()
	}
	return all
}
