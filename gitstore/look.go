package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
)

// refs is what one look says; the zero hash means that there is none.
type refs struct{ branch, own plumbing.Hash }

// server is what upload-pack of the other side can do.
type server struct {
	known   bool
	v2      bool // ls-refs can be asked at once: a look carries two references, not all
	shallow bool
	filter  bool
}

var errSHA256 = errors.New("repositories with SHA-256 object names are not supported")

// look asks where the branch is: one request, once it is known how the server
// wants to be asked.
func (s *Store) look(ctx context.Context) (refs, error) {
	s.counts.looks.Add(1)
	if s.server.v2 {
		got, err := s.listRefs(ctx)
		if err == nil || ctx.Err() != nil {
			return got, err
		}
		s.server = server{} // perhaps another server now: ask again from the start
	}
	answer, err := s.ask(ctx, uploadPack, true)
	if err != nil {
		return refs{}, err
	}
	if s.server, err = parseV2(answer); err != nil {
		return refs{}, err
	}
	if s.server.v2 {
		return s.listRefs(ctx)
	}
	adv, err := parseV0(answer, s.branch, s.own)
	if err != nil {
		return refs{}, err
	}
	s.server = server{known: true, shallow: adv.caps["shallow"], filter: adv.caps["filter"]}
	return s.pick(adv.refs), nil
}

// ask reads a whole advertisement.
func (s *Store) ask(ctx context.Context, service string, v2 bool) ([]byte, error) {
	body, err := s.wire.advertise(ctx, service, v2)
	if err != nil {
		return nil, err
	}
	return readAnswer(body)
}

func readAnswer(body io.ReadCloser) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("the server's answer is longer than %d bytes", maxAnswer)
	}
	return answer, nil
}

func (s *Store) pick(got map[string]plumbing.Hash) refs {
	return refs{branch: got[s.branch.String()], own: got[s.own.String()]}
}

// listRefs asks ls-refs of protocol version 2 (gitprotocol-v2(5)) for the two
// references of this branch.
func (s *Store) listRefs(ctx context.Context) (refs, error) {
	body, err := s.wire.call(ctx, uploadPack, true, lsRefs(s.branch, s.own))
	if err != nil {
		return refs{}, err
	}
	answer, err := readAnswer(body)
	if err != nil {
		return refs{}, err
	}
	got, err := parseRefs(answer)
	if err != nil {
		return refs{}, err
	}
	return s.pick(got), nil
}

func lsRefs(names ...plumbing.ReferenceName) []byte {
	var b bytes.Buffer
	e := pktline.NewEncoder(&b)
	_ = e.EncodeString("command=ls-refs\n", "agent="+userAgent+"\n", "object-format=sha1\n")
	b.WriteString("0001")
	for _, name := range names {
		_ = e.Encodef("ref-prefix %s\n", name)
	}
	_ = e.Flush()
	return b.Bytes()
}

// parseV2 reads a capability advertisement of protocol version 2. An answer
// in an older version is no error: the server is not known then.
func parseV2(answer []byte) (server, error) {
	lines := pktline.NewScanner(bytes.NewReader(answer))
	var srv server
	for lines.Scan() {
		line := strings.TrimSuffix(string(lines.Bytes()), "\n")
		switch key, value, _ := strings.Cut(line, "="); {
		case line == "version 2":
			srv = server{known: true}
		case !srv.known && (line == "" || strings.HasPrefix(line, "# service=")):
			// What HTTP puts in front.
		case !srv.known:
			return server{}, nil
		case line == "":
			return srv, nil
		case key == "ls-refs":
			srv.v2 = true
		case key == "fetch":
			srv.shallow = strings.Contains(" "+value+" ", " shallow ")
			srv.filter = strings.Contains(" "+value+" ", " filter ")
		case key == "object-format" && value != "sha1":
			return server{}, errSHA256
		}
	}
	if !srv.known && lines.Err() == nil {
		return server{}, nil // no references at all, in the older version
	}
	return server{}, broken(lines.Err())
}

// parseRefs reads an answer to ls-refs. One that does not come to its end is
// an error: a reference that it lacks is not known to be absent.
func parseRefs(answer []byte) (map[string]plumbing.Hash, error) {
	got := map[string]plumbing.Hash{}
	lines := pktline.NewScanner(bytes.NewReader(answer))
	for lines.Scan() {
		line := strings.TrimSuffix(string(lines.Bytes()), "\n")
		if line == "" {
			return got, nil
		}
		name, rest, _ := strings.Cut(line, " ")
		ref, _, _ := strings.Cut(rest, " ")
		if name == "unborn" {
			continue
		}
		if !plumbing.IsHash(name) || ref == "" {
			return nil, fmt.Errorf("the server's list of references is not valid: %q", printable(line))
		}
		got[ref] = plumbing.NewHash(name)
	}
	return nil, broken(lines.Err())
}

func broken(err error) error {
	if e, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		return &serverError{printable(e.Text)}
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the server's answer: %w", err)
}

// advert is a reference advertisement of protocol version 0.
type advert struct {
	refs map[string]plumbing.Hash
	caps map[string]bool // key and, where it has one, key=value
}

// parseV0 reads a reference advertisement (gitprotocol-pack(5)). Of the
// references it keeps those named.
func parseV0(answer []byte, names ...plumbing.ReferenceName) (advert, error) {
	adv := advert{refs: map[string]plumbing.Hash{}, caps: map[string]bool{}}
	lines := pktline.NewScanner(bytes.NewReader(answer))
	header := false
	for lines.Scan() {
		line := strings.TrimSuffix(string(lines.Bytes()), "\n")
		switch {
		case strings.HasPrefix(line, "# service="), line == "version 1":
			header = true
			continue
		case line == "" && header: // what HTTP puts in front ends with a flush of its own
			header = false
			continue
		case line == "":
			return adv, adv.check()
		}
		header = false
		line, caps, _ := strings.Cut(line, "\x00")
		for c := range strings.FieldsSeq(caps) {
			adv.caps[c] = true
		}
		name, ref, ok := strings.Cut(line, " ")
		if !ok || (!plumbing.IsHash(name) && name != "shallow") {
			return advert{}, fmt.Errorf("the server's list of references is not valid: %q", printable(line))
		}
		if slices.Contains(names, plumbing.ReferenceName(ref)) {
			adv.refs[ref] = plumbing.NewHash(name)
		}
	}
	return advert{}, broken(lines.Err())
}

func (a advert) check() error {
	for c := range a.caps {
		if format, ok := strings.CutPrefix(c, "object-format="); ok && format != "sha1" {
			return errSHA256
		}
	}
	return nil
}
