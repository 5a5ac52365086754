package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newDescribe(a *app) *cobra.Command {
	d := browse{app: a, kinds: describedKinds}
	cmd := &cobra.Command{
		Use:   "describe (is | istag | isimage) [NAME…]",
		Short: "Tell all about image streams, tags and images",
		Long: `Describes image streams (is), tags that have an image (istag) and images of their history
(isimage) as oc describe does, from git alone: no registry is asked. An image is named
STREAM@DIGEST; the beginning of the digest is enough. Without names, all of the namespace
are described. It reads the work tree, or with --repo a remote branch.

Of a stream it also tells what imgstream knows beyond OpenShift: pauses and their reasons,
digests that wait (~ candidate) or were rejected (-), and consumers not written yet.`,
		Example: `  imgstream describe is/keycloak -n sso
  imgstream describe is keycloak -n sso
  imgstream describe istag/keycloak:25.0 -n sso
  imgstream describe isimage keycloak@sha256:1f0c -n sso`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := d.look(cmd, args)
			if err != nil {
				return err
			}
			defer s.close()
			switch s.asked.kind {
			case imageStreamTag:
				return tell(s, s.tags())
			case imageStreamImage:
				return tell(s, s.images())
			}
			return tell(s, s.streams())
		},
		ValidArgsFunction: d.completeResources,
	}
	d.namespaceFlags(cmd)
	d.flags(cmd)
	return cmd
}

// tell prints the descriptions of what was asked for, two blank lines apart.
func tell[T any](s *scene, l listing[T]) error {
	found, complete := pick(s, l)
	if len(found) == 0 && len(s.asked.names) == 0 {
		s.nothing()
	}
	texts := make([]string, len(found))
	for i, item := range found {
		texts[i] = l.text(item)
	}
	if _, err := io.WriteString(s.stdout, strings.Join(texts, "\n\n")); err != nil {
		return err
	}
	return s.outcome(complete)
}
