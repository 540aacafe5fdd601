// Command fuzzall runs every fuzz test of the module, one after another: `go
// test` takes one fuzz target at a time.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

func main() {
	fuzztime := flag.String("fuzztime", "5s", "how long each target runs")
	only := flag.String("run", "", "run only the targets whose package and name, as \"./dir FuzzName\", match this expression")
	flag.Parse()
	if err := run(*fuzztime, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
}

func run(fuzztime, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	out, err := exec.Command("git", "grep", "-hoE", "--full-name", "-H", `^func Fuzz[A-Za-z0-9_]+`, "--", "*_test.go").Output()
	if err != nil {
		return fmt.Errorf("list the fuzz targets: %w", err)
	}
	passed := 0
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		file, decl, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			continue
		}
		name := strings.TrimPrefix(decl, "func ")
		dir := "./"
		if i := strings.LastIndexByte(file, '/'); i >= 0 {
			dir += file[:i]
		}
		if !wanted.MatchString(dir + " " + name) {
			continue
		}
		fmt.Printf("--- %s %s\n", dir, name)
		cmd := exec.Command("go", "test", dir, "-run", "^$", "-fuzz", "^"+name+"$", "-fuzztime", fuzztime)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w", dir, name, err)
		}
		passed++
	}
	fmt.Printf("%d fuzz targets ran clean\n", passed)
	return lines.Err()
}
