package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	remoteerr "github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

const (
	// pageSize is how many tags are asked for at once; registries give fewer.
	pageSize = 1000
	// maxPages is the most pages of one list that are read.
	maxPages = 1000
)

// tags lists a repository to its end (OCI distribution specification 1.1, "Listing
// Tags"). A list that is not read to its end is an error: whoever chooses from a part
// of it would choose another tag than from the whole. Names that are none of tags are
// left out. The next page is asked for only at the same host.
func (c *Client) tags(ctx context.Context, repo name.Repository) (plan.Answer, error) {
	lister, err := c.puller.Lister(ctx, repo)
	if err != nil {
		return plan.Answer{}, &listError{err}
	}
	var all []string
	for range maxPages {
		page, err := lister.Next(ctx)
		if err != nil {
			return plan.Answer{}, &listError{err}
		}
		all = appendTags(all, page)
		switch {
		case len(all) > c.opts.RepositoryTags:
			return plan.Answer{}, &listError{&tooManyError{limit: c.opts.RepositoryTags, what: "tags"}}
		case !lister.HasNext():
			return plan.Answer{Tags: all}, nil
		}
	}
	return plan.Answer{}, &listError{&tooManyError{limit: maxPages, what: "pages of tags"}}
}

// appendTags adds the names of a page, sorted and each once.
func appendTags(all []string, page *remote.Tags) []string {
	for _, tag := range page.Tags {
		if stream.IsTag(tag) {
			all = append(all, strings.Clone(tag))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listError is a failure to list a repository.
type listError struct{ error }

func (e *listError) Unwrap() error { return e.error }

// tooManyError is a list that is not read to its end.
type tooManyError struct {
	limit int
	what  string
}

func (e *tooManyError) Error() string { return fmt.Sprintf("more than %d %s", e.limit, e.what) }

// listVerdict is about the list of a repository's tags.
func listVerdict(repo name.Repository, host string, err error) *verdict {
	if _, ok := errors.AsType[*listError](err); !ok {
		return nil
	}
	shown := host + "/" + repo.RepositoryStr()
	if many, ok := errors.AsType[*tooManyError](err); ok {
		return answer("%s has more than %d %s: nothing is chosen from a part of them; raise limits.repositoryTags in the configuration, or name the tag", shown, many.limit, many.what)
	}
	if errors.Is(err, errTooLarge) {
		return answer("%s answered with more than %d MiB for one page of the tags of %s: check the registry", host, maxBody>>20, shown)
	}
	var terr *remoteerr.Error
	if errors.As(err, &terr) && terr.StatusCode == http.StatusNotFound && isList(terr.Request) {
		return fact(stream.ReasonNotFound, "%s does not exist (%s answered 404 Not Found to a request for its tags): check the repository", shown, host)
	}
	return nil
}

// isList says that a request asks for tags. Redirects count as what was asked first.
func isList(req *http.Request) bool {
	if req == nil {
		return false
	}
	first, _ := origin(req)
	return strings.HasPrefix(first.URL.Path, "/v2/") && strings.HasSuffix(first.URL.Path, "/tags/list")
}
