package confluent

import (
	"strings"

	"github.com/leatdev/leat/internal/subjects"
)

type modeBody struct {
	Mode subjects.Mode `json:"mode"`
}

// getMode answers GET /mode and GET /mode/{subject}.
func (c *call) getMode() (any, error) {
	m, err := c.store.Mode(c.r.Context(), c.scope(), c.flag("defaultToGlobal"))
	if err != nil {
		return nil, err
	}
	return modeBody{m}, nil
}

// putMode answers PUT /mode and PUT /mode/{subject} with the request.
func (c *call) putMode() (any, error) {
	var req modeBody
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	switch m := subjects.Mode(strings.ToUpper(string(req.Mode))); m {
	case subjects.ReadWrite, subjects.ReadOnly, subjects.ReadOnlyOverride, subjects.Import, subjects.Forward:
		return req, c.store.SetMode(c.r.Context(), c.scope(), m, c.flag("force"))
	}
	return nil, unprocessable(codeInvalidMode, "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, IMPORT, and FORWARD")
}

// deleteMode answers DELETE /mode and DELETE /mode/{subject} with what was set.
func (c *call) deleteMode() (any, error) {
	m, err := c.store.DeleteMode(c.r.Context(), c.scope())
	if err != nil {
		return nil, err
	}
	return modeBody{m}, nil
}
