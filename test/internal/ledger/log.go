package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// commit is one of the branch. moves are what imgstream says in its trailers; a commit of
// somebody else has none.
type commit struct {
	id    string
	moves []move
}

type move struct{ stream, tag, was, is, cause string }

// log reads the commits after from up to tip, oldest first.
func log(ctx context.Context, repo *gitserver.Repository, from, tip string) ([]commit, error) {
	out, err := repo.Git(ctx, "log", "--reverse", "--format=%x01%H%x02%ce%x02%B", from+".."+tip)
	if err != nil {
		return nil, err
	}
	var commits []commit
	for text := range strings.SplitSeq(out, "\x01") {
		part := strings.SplitN(text, "\x02", 3)
		if len(part) != 3 {
			continue
		}
		c := commit{id: part[0]}
		if part[1] == committer {
			c.moves = movesOf(part[2])
		}
		commits = append(commits, c)
	}
	return commits, nil
}

// movesOf reads the trailers of a message.
func movesOf(message string) []move {
	var moves []move
	stream := ""
	for line := range strings.SplitSeq(message, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Image-Stream":
			stream = value
		case "Image-Stream-Tag":
			m := move{stream: stream}
			_, _ = fmt.Sscan(value, &m.tag, &m.was, &m.is)
			moves = append(moves, m)
		case "Image-Stream-Cause":
			if len(moves) > 0 {
				moves[len(moves)-1].cause = value
			}
		}
	}
	return moves
}

// Import is the newest commit of imgstream that imported a digest, "" for none.
func Import(ctx context.Context, repo *gitserver.Repository, digest string) (string, error) {
	out, err := repo.Git(ctx, "log", "-1", "--format=%H", "--committer="+committer, "--fixed-strings", "--all-match",
		"--grep="+digest, "--grep=Image-Stream-Cause: import", gitserver.Branch)
	return strings.TrimSpace(out), err
}
