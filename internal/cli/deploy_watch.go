package cli

import (
	"context"
	"errors"
)

func (a *app) deployAndWatch(ctx context.Context, path, stage string, ready readyObject) error {
	return errors.New("not wired")
}
