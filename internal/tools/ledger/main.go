// Command ledger generates docs/parity.md: what every operation of every API
// promises, and where it differs from AWS, read from the comments above the handlers;
// and what is absent, with the reason, read from each room's parity.go.
//
//	go run ./internal/tools/ledger       check that docs/parity.md is current
//	go run ./internal/tools/ledger -w    write it
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

const ledgerFile = "docs/parity.md"

func main() {
	write := flag.Bool("w", false, "write "+ledgerFile+" instead of checking it")
	flag.Parse()
	if err := run(*write); err != nil {
		fmt.Fprintln(os.Stderr, "ledger:", err)
		os.Exit(1)
	}
}

func run(write bool) error {
	rooms, err := readRooms("internal/service")
	if err != nil {
		return err
	}
	text := render(rooms)
	if write {
		return os.WriteFile(ledgerFile, text, 0o644)
	}
	have, err := os.ReadFile(ledgerFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, text) {
		return fmt.Errorf("%s is not what the operation files say; run `make ledger`", ledgerFile)
	}
	return nil
}
