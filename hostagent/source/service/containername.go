package service

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Places are where a node keeps its containers; empty ones are the usual places.
type Places struct {
	Cgroup     string // the hierarchy of control groups
	Docker     string // a folder for each container
	Podman     string // containers/storage, of podman and CRI-O
	Containerd string // a folder for each namespace, and in it for each container
}

func (p Places) orUsual() Places {
	for _, v := range [...]struct {
		to    *string
		usual string
	}{
		{&p.Cgroup, cgroupRoot()}, {&p.Docker, "/var/lib/docker/containers"}, {&p.Podman, "/var/lib/containers/storage"},
		{&p.Containerd, "/run/containerd/io.containerd.runtime.v2.task"},
	} {
		if *v.to == "" {
			*v.to = v.usual
		}
	}
	return p
}

// cgroupRoot returns the hierarchy that every container has a group in: the only
// one of version 2, else systemd's of version 1.
func cgroupRoot() string {
	const root = "/sys/fs/cgroup"
	for _, dir := range []string{root + "/systemd", root + "/pids"} {
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			return dir
		}
	}
	return root
}

// groupName is a container's control group: its identifier, after what the
// runtime puts before it, as a scope of systemd or a plain folder.
var groupName = regexp.MustCompile(`^(?:docker-|libpod-|crio-|cri-containerd-|nerdctl-)?([0-9a-f]{64})(?:\.scope)?$`)

// lxcGroup begins the control group of an LXC container, whose name follows.
const lxcGroup = "lxc.payload."

// containerID returns the identifier of the container whose control group has
// that name.
func containerID(group string) (id string, ok bool) {
	if strings.HasPrefix(group, lxcGroup) {
		return group, true
	}
	m := groupName.FindStringSubmatch(group)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// maxRecord bounds the files of runtimes that are read, in octets.
const maxRecord = 16 << 20

// readJSON reads a file of a runtime.
func readJSON(file string, v any) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return err
	}
	if len(b) > maxRecord {
		return errors.New(file + " is too long")
	}
	return json.Unmarshal(b, v)
}

// all returns the names of the containers that Docker, podman and CRI-O keep,
// whether they run or not, by their identifier.
func (p *Places) all() map[string]string {
	names := map[string]string{}
	dirs, _ := filepath.Glob(filepath.Join(p.Docker, "*"))
	for _, d := range dirs[:min(len(dirs), maxContainers)] {
		if id := filepath.Base(d); len(id) == 64 {
			if n := p.docker(id); n != "" {
				names[id] = n
			}
		}
	}
	for id, n := range p.podman() {
		names[id] = n
	}
	return names
}

// name returns a container's name, empty where nobody tells it.
func (p *Places) name(id string) string {
	if name, ok := strings.CutPrefix(id, lxcGroup); ok {
		return name
	}
	if n := p.docker(id); n != "" {
		return n
	}
	if n := p.podman()[id]; n != "" {
		return n
	}
	return p.containerd(id)
}

func (p *Places) docker(id string) string {
	var c struct{ Name string }
	if readJSON(filepath.Join(p.Docker, id, "config.v2.json"), &c) != nil {
		return ""
	}
	return strings.TrimPrefix(c.Name, "/")
}

func (p *Places) podman() map[string]string {
	names := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(p.Podman, "*-containers", "containers.json")) // one for each storage driver
	for _, f := range files {
		var list []struct {
			ID    string   `json:"id"`
			Names []string `json:"names"`
		}
		if readJSON(f, &list) != nil {
			continue
		}
		for _, c := range list {
			if len(c.Names) > 0 {
				names[c.ID] = c.Names[0]
			}
		}
	}
	return names
}

// containerd looks into what its runtime was given: the name that Kubernetes or
// nerdctl noted there.
func (p *Places) containerd(id string) string {
	files, _ := filepath.Glob(filepath.Join(p.Containerd, "*", id, "config.json"))
	for _, f := range files {
		var c struct{ Annotations map[string]string }
		if readJSON(f, &c) != nil || c.Annotations["io.kubernetes.cri.container-type"] == "sandbox" {
			continue
		}
		for _, key := range []string{"io.kubernetes.cri.container-name", "nerdctl/name"} {
			if n := c.Annotations[key]; n != "" {
				return n
			}
		}
	}
	return ""
}
