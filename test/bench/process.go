package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long anything may take before it counts as broken.
const patience = 2 * time.Minute

// daemon is a running `imgstream run`. It sees nothing of the user's environment, and no
// folder of programs.
type daemon struct {
	cmd     *exec.Cmd
	address string // of its HTTP

	log sync.WaitGroup // ends with the process
	mu  sync.Mutex
	out bytes.Buffer // its log
}

// command is imgstream with arguments, and with an empty PATH.
func (b *lab) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.binary.path, args...)
	cmd.Dir, cmd.Env = b.root, []string{"PATH=", "HOME=" + b.root}
	return cmd
}

// startDaemon starts a daemon and waits until it listens.
func (b *lab) startDaemon(ctx context.Context, args ...string) (*daemon, error) {
	d := &daemon{cmd: b.command(ctx, append([]string{"run", "--listen", "127.0.0.1:0"}, args...)...)}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	d.log.Go(func() { d.read(stderr, address) })
	select {
	case d.address = <-address:
	case <-time.After(patience):
	}
	if d.address == "" {
		return nil, errors.Join(fmt.Errorf("it does not listen:\n%s", d.logged()), d.stop())
	}
	return d, nil
}

// read keeps the log, and sends the address that it names first, or "" at its end.
func (d *daemon) read(log io.Reader, address chan<- string) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		d.mu.Lock()
		fmt.Fprintf(&d.out, "%s\n", lines.Bytes())
		d.mu.Unlock()
		if at, ok := listening(lines.Bytes()); ok {
			select {
			case address <- at:
			default:
			}
		}
	}
	close(address)
}

// listening is the address that a line of the log says is listened on.
func listening(line []byte) (address string, ok bool) {
	var entry struct{ Msg, Address string }
	err := json.Unmarshal(line, &entry)
	return entry.Address, err == nil && entry.Msg == "listening" && entry.Address != ""
}

func (d *daemon) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.String()
}

// waitReady asks each millisecond, until the answer is that it is ready.
func (d *daemon) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, _, err := d.get(ctx, "/readyz")
		if err != nil || status == http.StatusOK {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (d *daemon) get(ctx context.Context, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.address+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("%w:\n%s", err, d.logged())
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), errors.Join(err, resp.Body.Close())
}

// steps are how long each step of its passes took so far, by name.
func (d *daemon) steps(ctx context.Context) (map[string]time.Duration, error) {
	_, text, err := d.get(ctx, "/metrics")
	return parseSteps(text), err
}

// parseSteps reads what /metrics says of the steps of the only branch.
func parseSteps(text string) map[string]time.Duration {
	steps := map[string]time.Duration{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "imgstream_step_duration_seconds_sum{") {
			continue
		}
		_, rest, _ := strings.Cut(line, `step="`)
		name, value, _ := strings.Cut(rest, `"} `)
		if seconds, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			steps[name] = time.Duration(seconds * float64(time.Second))
		}
	}
	return steps
}

// stop ends it as an orchestrator does.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	d.log.Wait()
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("imgstream run: %w\n%s", err, d.logged())
	}
	return nil
}

// memory is what a process has of the machine's.
type memory struct{ now, peak int64 } // bytes; zero where /proc does not say

// memoryOf is that of a process by its id, or of "self".
func memoryOf(pid string) memory {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return memory{}
	}
	return parseStatus(string(status))
}

// parseStatus reads proc_pid_status(5).
func parseStatus(status string) (m memory) {
	for line := range strings.Lines(status) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); n == 1 {
			m.now = kilobytes << 10
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			m.peak = kilobytes << 10
		}
	}
	return m
}
