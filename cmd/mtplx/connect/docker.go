package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"

	"mtplx/cmd/mtplx/command"
)

// OpenWebUI are the commands for Open WebUI.
type OpenWebUI struct {
	Docker dockerCmd `cmd:"" name:"docker-command" help:"Print a command that runs Open WebUI in a container, connected."`
}

// container says how Open WebUI is to run.
type container struct {
	Port       int    `default:"3000" help:"Port of Open WebUI's page, on this machine." group:"Container"`
	Network    string `default:"auto" enum:"auto,host,bridge" help:"The container's network: host reaches a server on loopback, on Linux alone; bridge; or auto." group:"Container"`
	SingleUser bool   `help:"No accounts: whoever reaches the page is in." group:"Container"`
}

// dockerCmd prints one command.
type dockerCmd struct {
	container
	asking
}

// Run implements the command.
func (c *dockerCmd) Run(ctx context.Context, s command.Streams) error {
	t, r, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	line, needs, err := c.command(t, runtime.GOOS)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			Command string `json:"command"`
			Page    string `json:"page"`
			Needs   string `json:"needs,omitempty"` // what the server must be told
			Server  *found `json:"server"`
		}{line, fmt.Sprintf("http://127.0.0.1:%d", c.Port), needs, r})
	}
	if needs != "" {
		fmt.Fprintln(s.Err, needs)
	}
	_, err = fmt.Fprintln(s.Out, line)
	return err
}

// command is the command line, for a system by Go's name, and what the server needs so that the container reaches it.
func (c *container) command(t *Target, system string) (line, needs string, err error) {
	if c.Port < 1 || c.Port > 65535 {
		return "", "", command.Usage(fmt.Errorf("--port is %d", c.Port), "give 1 to 65535")
	}
	u, err := url.Parse(t.Base)
	if err != nil {
		return "", "", err
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	network := c.Network
	if network == "auto" {
		if network = "bridge"; system == "linux" && local {
			network = "host"
		}
	}
	args := []string{"docker run -d"}
	if network == "host" {
		if system != "linux" {
			return "", "", command.Usage(errors.New("--network is host, which Docker has on Linux alone"), "use --network bridge")
		}
		args = append(args, fmt.Sprintf("--network=host -e HOST=127.0.0.1 -e PORT=%d", c.Port))
	} else {
		args = append(args, fmt.Sprintf("-p 127.0.0.1:%d:8080", c.Port))
		if local {
			const inside = "host.docker.internal"
			args = append(args, "--add-host="+inside+":host-gateway")
			port := u.Port()
			if u.Host = inside; port != "" {
				u.Host = net.JoinHostPort(inside, port)
			}
			needs = "The server must run with --allow-host " + inside + "."
			if system == "linux" {
				needs = "A server on loopback is out of a bridge's reach: start it with --host 0.0.0.0 and a key, or give --network host."
			}
		}
	}
	args = append(args, "-e OPENAI_API_BASE_URL="+quote(u.String()+"/v1"))
	key := t.key("OPENAI_API_KEY")
	args = append(args, "-e OPENAI_API_KEY="+key.quoted(), "-e ENABLE_OLLAMA_API=False")
	if c.SingleUser {
		args = append(args, "-e WEBUI_AUTH=False")
	}
	args = append(args, "-v open-webui:/app/backend/data --name open-webui --restart always ghcr.io/open-webui/open-webui:main")
	return strings.Join(args, " "), needs, nil
}
