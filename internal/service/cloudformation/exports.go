package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/kv"
)

// swapExports puts a stack's exports in place of those it had. An export that
// another stack has, or one that is used and would go or change, is refused.
func (s *Service) swapExports(t kv.Txn, st *stack, outputs []deploy.Output) error {
	p := st.place()
	want := map[string]string{}
	for _, o := range outputs {
		if o.Export != "" {
			want[o.Export] = o.Value
		}
	}
	for name := range want {
		x, err := get[export](t, p.key("export", name))
		if err != nil {
			return err
		}
		if x != nil && x.StackID != st.ID {
			return validation("Export with name %s is already exported by stack %s. Rollback requested by user.", name, stackName(x.StackID))
		}
	}
	var have []*export
	err := scan(t, kv.PrefixRange(p.key("export")), func(x *export) error {
		if x.StackID == st.ID {
			have = append(have, x)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, x := range have {
		if v, keep := want[x.Name]; keep && v == x.Value {
			continue
		}
		users, err := importers(t, p, x.Name)
		if err != nil {
			return err
		}
		if _, keep := want[x.Name]; len(users) > 0 && !keep {
			return validation("Export %s cannot be deleted as it is in use by %s", x.Name, strings.Join(users, " and "))
		} else if len(users) > 0 {
			return validation("Export %s cannot be updated as it is in use by %s", x.Name, strings.Join(users, " and "))
		}
		if err := t.Delete(p.key("export", x.Name)); err != nil {
			return err
		}
	}
	for name, v := range want {
		if err := put(t, p.key("export", name), &export{Name: name, Value: v, StackID: st.ID}); err != nil {
			return err
		}
	}
	return nil
}

func swapImports(t kv.Txn, st *stack, names []string) error {
	for _, old := range st.Current.Imports {
		if !slices.Contains(names, old) {
			if err := t.Delete(st.place().key("import", old, st.ID)); err != nil {
				return err
			}
		}
	}
	for _, n := range names {
		name := st.Name
		if err := put(t, st.place().key("import", n, st.ID), &name); err != nil {
			return err
		}
	}
	return nil
}

// importers lists the names of the stacks that use an export.
func importers(r kv.Reader, p place, name string) ([]string, error) {
	var out []string
	err := scan(r, kv.PrefixRange(p.key("import", name)), func(n *string) error {
		out = append(out, *n)
		return nil
	})
	return out, err
}

// exportsInUse tells why a stack cannot be deleted yet, or "".
func (s *Service) exportsInUse(st *stack) (reason string, err error) {
	err = s.o.Store.View(s.live, func(r kv.Reader) error {
		reason = ""
		for _, o := range st.Outputs {
			if o.Export == "" {
				continue
			}
			users, err := importers(r, st.place(), o.Export)
			if err != nil {
				return err
			}
			if len(users) > 0 {
				reason = "Export " + o.Export + " cannot be deleted as it is in use by " + strings.Join(users, " and ")
			}
		}
		return nil
	})
	return reason, err
}

// stackName reads the name from a stack's id.
func stackName(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) < 2 {
		return id
	}
	return parts[1]
}

// ListExports lists the exported output values of the account and region, by name.
//
// Limits: 100 a page.
// Errors: ValidationError for a token that was not given out.
// Differs: nothing.
func (s *Service) ListExports(ctx context.Context, in *cloudformation.ListExportsInput) (*cloudformation.ListExportsOutput, error) {
	var all []types.Export
	err := s.o.Store.View(ctx, func(r kv.Reader) error {
		all = nil
		return scan(r, kv.PrefixRange(here(ctx).key("export")), func(x *export) error {
			all = append(all, types.Export{Name: &x.Name, Value: &x.Value, ExportingStackId: &x.StackID})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, in.NextToken)
	return &cloudformation.ListExportsOutput{Exports: items, NextToken: next}, err
}

// ListImports lists the stacks that use an exported value.
//
// Limits: 100 a page.
// Errors: ValidationError if no stack uses the export.
// Differs: nothing.
func (s *Service) ListImports(ctx context.Context, in *cloudformation.ListImportsInput) (*cloudformation.ListImportsOutput, error) {
	var all []string
	err := s.o.Store.View(ctx, func(r kv.Reader) (err error) {
		all, err = importers(r, here(ctx), deref(in.ExportName))
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, validation("Export '%s' is not imported by any stack.", deref(in.ExportName))
	}
	items, next, err := page(all, in.NextToken)
	return &cloudformation.ListImportsOutput{Imports: items, NextToken: next}, err
}
