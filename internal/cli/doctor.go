package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

// finding is one line of the doctor's report.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning, failed
	Detail string `json:"detail"`
}

const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateFailed  = "failed"
)

// healthReply is the part of GET /_leat/health that commands read.
type healthReply struct {
	Status  string `json:"status"`
	Version string `json:"version"`
	// Memory tells that nothing outlives the platform.
	Memory bool `json:"memory"`
	// RegistryURL is empty where the platform serves no registry.
	RegistryURL string `json:"registryUrl"`
	Storage     struct {
		Writable bool   `json:"writable"`
		Error    string `json:"error"`
		DiskUsed uint64 `json:"diskUsed"`
		DiskFree uint64 `json:"diskFree"`
	} `json:"storage"`
	// Functions is absent from older platforms.
	Functions struct {
		Sandbox     string `json:"sandbox"`
		MemoryLimit string `json:"memoryLimit"`
	} `json:"functions"`
}

// deepReply is GET /_leat/api/check: what a walk over all data found wrong.
type deepReply struct {
	Checked int      `json:"checked"`
	Faults  []string `json:"faults"`
}

func (a *app) doctorCommand() *cobra.Command {
	var deep bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and the running platform",
		Args:  exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			found := a.examine(c.Context(), deep)
			err := a.printer().Value(found, func(w io.Writer) {
				rows := make([][]string, len(found))
				for i, f := range found {
					rows[i] = []string{f.Check, f.State, f.Detail}
				}
				table(w, []string{"CHECK", "STATE", "DETAIL"}, rows)
			})
			if err != nil {
				return err
			}
			for _, f := range found {
				if f.State == stateFailed {
					return errors.New("at least one check failed")
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&deep, "deep", false, "also verify that tables, indexes and change streams agree")
	a.clientFlags(c)
	return c
}

func (a *app) examine(ctx context.Context, deep bool) []finding {
	var found []finding
	for _, tool := range []struct{ check, program, use string }{
		{"go", "go", "Go functions built from source"},
		{"python", "python3", "functions with a python3.* runtime"},
		{"node", "node", "functions with a nodejs* runtime"},
		{"java", "java", "functions with a java* runtime"},
	} {
		if path, err := exec.LookPath(tool.program); err == nil {
			found = append(found, finding{tool.check, stateOK, path})
		} else {
			found = append(found, finding{tool.check, stateWarning, tool.program + " is not on PATH: needed for " + tool.use})
		}
	}
	var health healthReply
	if err := a.inspect(ctx, "health", &health); err != nil {
		found = append(found, finding{"platform", stateWarning, err.Error()})
		return append(found, a.examinePorts()...)
	}
	found = append(found, finding{"platform", stateOK, a.baseURL() + ", version " + health.Version})
	storage := finding{"storage", stateOK, fmt.Sprintf("%s used, %s free", bytesText(health.Storage.DiskUsed), bytesText(health.Storage.DiskFree))}
	if health.Memory {
		storage.Detail = "in memory, " + bytesText(health.Storage.DiskUsed) + " used: nothing outlives the platform"
	}
	if !health.Storage.Writable {
		storage.State, storage.Detail = stateFailed, health.Storage.Error
	}
	found = append(found, storage)
	if fn := health.Functions; fn.Sandbox != "" {
		found = append(found, finding{"sandbox", stateOK, "functions are kept apart by: " + fn.Sandbox},
			finding{"memory", stateOK, "functions are held to their memory by: " + fn.MemoryLimit})
	}
	if deep {
		found = append(found, a.examineDeep(ctx))
	}
	return found
}

func (a *app) examineDeep(ctx context.Context) finding {
	var deep deepReply
	if err := a.inspect(ctx, "api/check", &deep); err != nil {
		return finding{"data", stateFailed, err.Error()}
	}
	if len(deep.Faults) > 0 {
		return finding{"data", stateFailed, strings.Join(deep.Faults, "; ")}
	}
	return finding{"data", stateOK, fmt.Sprintf("%d items and index entries agree", deep.Checked)}
}

// examinePorts tells whether `leat up` could listen.
func (a *app) examinePorts() []finding {
	var found []finding
	for _, addr := range []string{defaultAddr, defaultRegistryAddr} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			found = append(found, finding{"port " + addr, stateWarning, err.Error()})
			continue
		}
		_ = l.Close()
		found = append(found, finding{"port " + addr, stateOK, "free"})
	}
	return found
}

// bytesText writes a size as people read it.
func bytesText(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
