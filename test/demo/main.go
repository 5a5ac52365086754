// Command demo shows the main job of imgstream on a registry and a repository of its
// own: a tag moves in the registry, a commit moves the deployment, git revert moves it
// back. Everything it makes lies in one folder and is thrown away, unless -keep names
// a folder to leave it in.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	binary := flag.String("imgstream", "../bin/imgstream", "the imgstream to run")
	keep := flag.String("keep", "", "leave everything in this `folder`")
	serve := flag.String("serve", "", "serve the registry of a kept `folder` until interrupted")
	push := flag.String("push", "", "push a new image to the registry of a kept `folder`, under the tag 1.0")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	switch {
	case *serve != "":
		err = serveKept(ctx, *serve)
	case *push != "":
		err = pushKept(*push)
	default:
		err = demo(ctx, *binary, *keep)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo plays the story in a folder of its own.
func demo(ctx context.Context, binary, keep string) error {
	dir := keep
	if keep == "" {
		temp, err := os.MkdirTemp("", "imgstream-demo-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temp) }()
		dir = temp
	} else if err := os.Mkdir(keep, 0o755); err != nil {
		return fmt.Errorf("%w: remove it first, it may hold work of yours", err)
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	s, err := newStory(ctx, binary, dir)
	if err != nil {
		return err
	}
	defer s.registry.close()
	if err := s.play(); err != nil {
		return err
	}
	if keep != "" {
		s.sayWhatNext(keep)
		return s.registry.save(filepath.Join(dir, registryFile))
	}
	return nil
}
