package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"mtplx/model/hub"
)

// system is the operating system.
type system struct{}

func (system) Run(ctx context.Context, m *Machine) Finding {
	switch m.OS {
	case "linux":
		text, err := fs.ReadFile(m.Root, "proc/sys/kernel/osrelease")
		if err != nil {
			return ok("linux/%s", m.Arch)
		}
		return ok("linux/%s, kernel %s", m.Arch, strings.TrimSpace(string(text)))
	case "darwin":
		version := ""
		if out, err := m.Command(ctx, "sw_vers", "-productVersion"); err == nil {
			version = " " + strings.TrimSpace(string(out))
		}
		if n, err := m.Sysctl("sysctl.proc_translated"); err == nil && n == 1 {
			return warn("install the program for arm64", "macOS%s translates this program from amd64 (Rosetta), which halves its speed and hides the GPU", version)
		}
		return ok("macOS%s on %s", version, m.Arch)
	}
	return warn("use Linux or macOS", "%s is not among the systems that mtplx is tested on", m.OS)
}

// gpu is the device that --device auto takes.
type gpu struct{}

func (gpu) Run(_ context.Context, m *Machine) Finding {
	choice, err := m.Device()
	if err != nil {
		return failed(err)
	}
	if choice.Kind != "cpu" {
		return ok("%s is used: %s", choice.Name, choice.Why)
	}
	card, _ := fs.Glob(m.Root, "dev/nvidia[0-9]*")
	switch {
	case len(card) > 0:
		return warn("use a build with -tags cuda and a driver of version 535 or newer; nvidia-smi shows it",
			"there are %d NVIDIA GPUs, and the CPU is used: %s", len(card), choice.Why)
	case m.OS == "darwin" && m.Arch == "arm64":
		return warn("mtplx qa device --device metal says more, where this build has it", "the CPU is used beside Apple's GPU: %s", choice.Why)
	}
	return skip("no GPU is shown, so the CPU is used: %s", choice.Why)
}

// docker runs Open WebUI, which some like to talk to an mtplx with.
type docker struct{}

func (docker) Run(_ context.Context, m *Machine) Finding {
	if _, err := m.Look("docker"); err != nil {
		return skip("docker is not installed; only Open WebUI in a container needs it")
	}
	return ok("docker is installed")
}

// hubAccess is whether models can be fetched.
type hubAccess struct{}

func (hubAccess) Run(ctx context.Context, m *Machine) Finding {
	if v := m.Env("HF_HUB_OFFLINE"); v != "" && v != "0" {
		return skip("HF_HUB_OFFLINE is set, so nothing is fetched")
	}
	address, err := m.Hub(ctx)
	if err != nil {
		return warn("look at the network, at HTTPS_PROXY and at HF_ENDPOINT; models that are here already run without", "the model hub does not answer: %v", err)
	}
	return ok("the model hub answers at %s", address)
}

// askHub asks for nothing but an answer.
func askHub(ctx context.Context) (string, error) {
	client, err := hub.NewClient(os.Getenv)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, client.Endpoint(), http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the address, which may hold a name and a password
		}
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	if res.StatusCode >= 500 {
		return "", fmt.Errorf("%s", res.Status)
	}
	return client.Endpoint(), nil
}
