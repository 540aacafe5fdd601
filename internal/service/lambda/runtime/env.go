package runtime

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// environment makes the environment of an instance's processes: everything AWS
// sets, what the function's configuration adds, and nothing of Leat's own
// environment.
func (in *instance) environment(p *plan) map[string]string {
	s, task := in.spec, p.seen(in.spec.CodeDir)
	env := map[string]string{
		"LANG":            "en_US.UTF-8",
		"TZ":              ":UTC",
		"PATH":            joinPaths(p.binDir, "/usr/local/bin", "/usr/bin", "/bin", in.optDir(p)+"/bin"),
		"LD_LIBRARY_PATH": joinPaths(task, task+"/lib", in.optDir(p)+"/lib"),
		// AWS sets no HOME. Without one, SDKs would look the user up and read a
		// developer's own profile and credentials.
		"HOME":   in.box.tmpDir(),
		"TMPDIR": in.box.tmpDir(),

		"AWS_XRAY_CONTEXT_MISSING":   "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":    "127.0.0.1:2000",
		"_AWS_XRAY_DAEMON_ADDRESS":   "127.0.0.1",
		"_AWS_XRAY_DAEMON_PORT":      "2000",
		"AWS_LAMBDA_LOG_GROUP_NAME":  s.logGroup(),
		"AWS_LAMBDA_LOG_STREAM_NAME": in.stream,
	}
	if in.eng.opt.Endpoint != "" {
		env["AWS_ENDPOINT_URL"] = in.eng.opt.Endpoint
	}
	maps.Copy(env, p.env)
	maps.Copy(env, s.Env)
	maps.Copy(env, in.reserved(p))
	return env
}

// reserved are the variables that a function's configuration cannot change.
func (in *instance) reserved(p *plan) map[string]string {
	s := in.spec
	env := map[string]string{
		"_HANDLER":                        s.Handler,
		"AWS_REGION":                      s.Region,
		"AWS_DEFAULT_REGION":              s.Region,
		"AWS_EXECUTION_ENV":               "AWS_Lambda_" + s.Runtime,
		"AWS_LAMBDA_FUNCTION_NAME":        s.FunctionName,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(s.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION":     s.Version,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  in.initType,
		"AWS_LAMBDA_RUNTIME_API":          in.api.addr(),
		"AWS_ACCESS_KEY_ID":               in.keys.AccessKeyID,
		"AWS_ACCESS_KEY":                  in.keys.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           in.keys.SecretAccessKey,
		"AWS_SECRET_KEY":                  in.keys.SecretAccessKey,
		"LAMBDA_TASK_ROOT":                p.seen(s.CodeDir),
		"LAMBDA_RUNTIME_DIR":              p.seen(in.eng.bootstrapDir),
	}
	if in.keys.SessionToken != "" {
		env["AWS_SESSION_TOKEN"] = in.keys.SessionToken
	}
	if strings.HasPrefix(s.Runtime, "provided") {
		delete(env, "AWS_EXECUTION_ENV") // AWS sets none for custom runtimes
	}
	if s.LogJSON {
		env["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
		if s.AppLogLevel != "" {
			env["AWS_LAMBDA_LOG_LEVEL"] = s.AppLogLevel
		}
	}
	return env
}

func (s *Spec) logGroup() string {
	if s.LogGroup != "" {
		return s.LogGroup
	}
	return "/aws/lambda/" + s.FunctionName
}

func (s *Spec) logStream(name string) LogStream {
	return LogStream{Account: s.AccountID, Region: s.Region, Group: s.logGroup(), Stream: name}
}

func joinPaths(dirs ...string) string {
	dirs = slices.DeleteFunc(dirs, func(d string) bool { return d == "" || strings.HasPrefix(d, "/bin/") })
	return strings.Join(dirs, ":")
}

// environ writes env as a process wants it, in a fixed order.
func environ(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}

// ReservedVariables are the names that a function's configuration must not set.
func ReservedVariables() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API",
		"AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "TZ",
	}
}

// optDir is where the processes find the layers.
func (in *instance) optDir(p *plan) string {
	if p.opt == "" {
		return optDir
	}
	return p.seen(p.opt)
}
