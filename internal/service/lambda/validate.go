package lambda

import (
	"regexp"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// retired are runtimes that AWS creates no functions for any more.
var retired = []string{
	"nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x",
	"python2.7", "python3.6", "python3.7", "java8", "go1.x", "provided",
	"dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "ruby2.5", "ruby2.7",
}

func checkRuntime(name string) error {
	if slices.Contains(retired, name) {
		return invalidParameter("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. "+
			"We recommend you use a supported runtime while creating or updating functions.", name)
	}
	if !runtime.Supported(name) {
		return invalidParameter("The runtime %s cannot be run here. Runtimes of Python, Node.js, Java and provided.* can.", name)
	}
	return nil
}

// maxMemory is AWS's limit, which its model no longer states: there are kinds of functions with more.
const maxMemory = 10240

func checkMemory(mb *int32) error {
	if mb != nil && *mb > maxMemory {
		return aws.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'memorySize' failed to satisfy constraint: "+
			"Member must have value less than or equal to %d", *mb, maxMemory)
	}
	return nil
}

var variableName = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)

// checkEnvironment checks the variables of a function.
func checkEnvironment(vars map[string]string) error {
	var used []string
	size := 0
	for k, v := range vars {
		if slices.Contains(runtime.ReservedVariables(), k) {
			used = append(used, k)
			continue
		}
		if !variableName.MatchString(k) {
			return invalidParameter("1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "+
				"Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]: %s", k)
		}
		if strings.ContainsRune(v, 0) {
			return invalidParameter("The value of the environment variable %s holds a NUL character.", k)
		}
		size += len(k) + len(v)
	}
	if len(used) > 0 {
		slices.Sort(used)
		return invalidParameter("Lambda was unable to configure your environment variables because the environment variables you have provided "+
			"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(used, ", "))
	}
	if size > MaxEnvironmentBytes {
		return invalidParameter("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
	}
	return nil
}
