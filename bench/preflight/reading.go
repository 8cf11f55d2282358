package preflight

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// reading is what the machine shows at one moment. Where an error is set, its neighbour was not readable.
type reading struct {
	load    float64 // processes that ran or waited, over the last minute
	loadErr error

	// Clock ticks of all cores since the machine started.
	total, idle, steal uint64
	cores              int
	ticksErr           error

	Heat

	supplies  []supply
	supplyErr error

	quota     float64 // cores that the control group may use; 0: all
	throttled uint64  // how often the quota stopped it
	quotaErr  error
}

// supply is a battery or a mains adapter.
type supply struct {
	name, kind, status string
	online             bool
}

func read(root fs.FS) reading {
	var r reading
	r.load, r.loadErr = readLoad(root)
	r.ticksErr = r.readTicks(root)
	r.Heat = ReadHeat(root)
	r.supplies, r.supplyErr = readSupplies(root)
	r.quotaErr = r.readQuota(root)
	return r
}

func readLoad(root fs.FS) (float64, error) {
	text, err := line(root, "proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(text, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("proc/loadavg begins with %q", first)
	}
	return load, nil
}

// readTicks takes the columns of proc(5): user nice system idle iowait irq softirq steal, of which guest time, which
// follows, is a part.
func (r *reading) readTicks(root fs.FS) error {
	data, err := fs.ReadFile(root, "proc/stat")
	if err != nil {
		return err
	}
	for text := range strings.Lines(string(data)) {
		fields := strings.Fields(text)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		if fields[0] != "cpu" {
			r.cores++
			continue
		}
		if len(fields) < 9 {
			return fmt.Errorf("proc/stat has %d columns for all cores", len(fields)-1)
		}
		for i, field := range fields[1:9] {
			n, err := strconv.ParseUint(field, 10, 64)
			if err != nil {
				return fmt.Errorf("proc/stat has %q", field)
			}
			r.total += n
			switch i {
			case 3, 4:
				r.idle += n
			case 7:
				r.steal = n
			}
		}
	}
	if r.cores == 0 || r.total == 0 {
		return fmt.Errorf("proc/stat shows %d cores", r.cores)
	}
	return nil
}

func readSupplies(root fs.FS) ([]supply, error) {
	files, err := glob(root, "sys/class/power_supply/*/type")
	if err != nil {
		return nil, err
	}
	var all []supply
	for _, file := range files {
		dir := path.Dir(file)
		kind, err := line(root, file)
		if err != nil {
			return nil, err
		}
		s := supply{name: path.Base(dir), kind: kind}
		s.status, _ = line(root, dir+"/status")
		online, _ := line(root, dir+"/online")
		s.online = online == "1"
		all = append(all, s)
	}
	return all, nil
}

// readQuota finds the least quota of the process's control group and those above it.
func (r *reading) readQuota(root fs.FS) error {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return err
	}
	found := false
	for entry := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(entry), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount := "sys/fs/cgroup"
		if parts[1] != "" { // version 1
			if !strings.Contains(","+parts[1]+",", ",cpu,") {
				continue
			}
			mount += "/cpu"
		}
		// In a container the path may be that of the host: what is mounted then is the group itself.
		for dir := path.Join(mount, path.Clean("/"+parts[2])); ; dir = path.Dir(dir) {
			ok, err := r.readGroup(root, dir)
			if err != nil {
				return err
			}
			found = found || ok
			if dir == mount || len(dir) <= len(mount) {
				break
			}
		}
	}
	if !found {
		return fmt.Errorf("no control group under sys/fs/cgroup shows a quota: %w", fs.ErrNotExist)
	}
	return nil
}

// readGroup reads one control group of either version, and tells whether it shows a quota.
func (r *reading) readGroup(root fs.FS, dir string) (bool, error) {
	text, err := line(root, dir+"/cpu.max")
	if err != nil {
		quota, err := line(root, dir+"/cpu.cfs_quota_us")
		if err != nil {
			return false, nil // a group need not have a quota
		}
		period, err := line(root, dir+"/cpu.cfs_period_us")
		if err != nil {
			return false, err
		}
		text = quota + " " + period
	}
	quota, period, _ := strings.Cut(text, " ")
	if quota != "max" && quota != "-1" {
		q, errQ := strconv.ParseFloat(quota, 64)
		p, errP := strconv.ParseFloat(period, 64)
		if errQ != nil || errP != nil || q <= 0 || p <= 0 {
			return false, fmt.Errorf("the quota of %s is %q", dir, text)
		}
		if r.quota == 0 || q/p < r.quota {
			r.quota = q / p
		}
	}
	stat, _ := fs.ReadFile(root, dir+"/cpu.stat")
	for entry := range strings.Lines(string(stat)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(entry), "nr_throttled "); ok {
			count, err := strconv.ParseUint(n, 10, 64)
			if err != nil {
				return false, fmt.Errorf("nr_throttled of %s is %q", dir, n)
			}
			r.throttled += count
		}
	}
	return true, nil
}

// glob is fs.Glob that must find something.
func glob(root fs.FS, pattern string) ([]string, error) {
	files, err := fs.Glob(root, pattern)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: %w", pattern, fs.ErrNotExist)
	}
	return files, err
}

func line(root fs.FS, name string) (string, error) {
	data, err := fs.ReadFile(root, name)
	return strings.TrimSpace(string(data)), err
}
