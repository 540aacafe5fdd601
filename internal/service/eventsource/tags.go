package eventsource

import (
	"context"
	"maps"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

// MaxTags bounds the tags of a mapping.
const MaxTags = 50

// Tags gives the tags of the mapping with an ARN. Lambda's tag operations serve
// functions and mappings alike, so they live with the functions and ask here.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	m, err := s.byARN(ctx, arn)
	if err != nil {
		return nil, err
	}
	return maps.Clone(m.Tags), nil
}

// Retag sets and removes tags of the mapping with an ARN. The tags that carry
// options take effect at once.
func (s *Service) Retag(ctx context.Context, arn string, set map[string]string, remove []string) error {
	s.admin.Lock()
	defer s.admin.Unlock()
	m, err := s.byARN(ctx, arn)
	if err != nil {
		return err
	}
	before := m.Tags
	m.Tags = maps.Clone(m.Tags)
	if m.Tags == nil {
		m.Tags = map[string]string{}
	}
	maps.Copy(m.Tags, set)
	for _, name := range remove {
		delete(m.Tags, name)
	}
	if err := checkTagNames(m.Tags); err != nil {
		return err
	}
	options := false
	for _, name := range []string{TagSchemaRegistry, TagRecordFormat, TagDeaggregate} {
		options = options || before[name] != m.Tags[name]
	}
	if options {
		if err := s.checkOptions(ctx, m); err != nil {
			return err
		}
	}
	if err := s.change(ctx, m.UUID, func(stored *Mapping) { stored.Tags = m.Tags }); err != nil {
		return err
	}
	if options && m.Enabled {
		s.move(m.UUID, stateUpdating, func(ctx context.Context) error {
			fresh, err := s.load(ctx, m.UUID)
			if err != nil || fresh == nil {
				return err
			}
			return s.run(fresh)
		})
	}
	return nil
}

func (s *Service) checkOptions(ctx context.Context, m *Mapping) error {
	if st := s.state(m); st != stateEnabled && st != stateDisabled {
		return resourceInUse("update")
	}
	if err := m.checkTags(); err != nil {
		return err
	}
	return s.checkWorld(ctx, m, Function{ARN: m.FunctionARN})
}

func (s *Service) byARN(ctx context.Context, arn string) (*Mapping, error) {
	a, err := aws.ParseARN(arn)
	uuid, ok := strings.CutPrefix(a.Resource, "event-source-mapping:")
	if err != nil || !ok {
		return nil, noSuchMapping()
	}
	return s.owned(ctx, uuid)
}

// checkTagNames refuses too many tags, and those that are AWS's own.
func checkTagNames(tags map[string]string) error {
	if len(tags) > MaxTags {
		return invalidParameter("Too many tags: the limit is %d.", MaxTags)
	}
	for name := range tags {
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			return invalidParameter("Tag keys starting with 'aws:' are reserved for system use")
		}
	}
	return nil
}
