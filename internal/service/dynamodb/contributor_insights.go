package dynamodb

import (
	"context"
	"sort"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

func insightStatus(in Insight) types.ContributorInsightsStatus {
	if in.Enabled {
		return types.ContributorInsightsStatusEnabled
	}
	return types.ContributorInsightsStatusDisabled
}

func insightIndex(t *Table, name *string) (string, error) {
	if name == nil {
		return "", nil
	}
	n := *name
	if len(n) < minName || len(n) > maxName {
		return "", validation("IndexName must be at least 3 characters long and at most 255 characters long")
	}
	if ix := t.index(n); ix == nil || !ix.Global {
		return "", resourceNotFound("Index: %s not found for table: %s", n, t.Name)
	}
	return n, nil
}

// UpdateContributorInsights keeps the setting of contributor insights.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: the setting is stored and shown; no reports are made of it.
func (s *Service) UpdateContributorInsights(ctx context.Context, in *dynamodb.UpdateContributorInsightsInput) (*dynamodb.UpdateContributorInsightsOutput, error) {
	var p problems
	if in.ContributorInsightsAction == "" {
		p.add("null", "contributorInsightsAction", mustNotBeNull)
	}
	p.enum(string(in.ContributorInsightsAction), "contributorInsightsAction", []string{"ENABLE", "DISABLE"})
	p.enum(string(in.ContributorInsightsMode), "contributorInsightsMode", []string{"THROTTLED_KEYS", "ACCESSED_AND_THROTTLED_KEYS"})
	if err := p.err(); err != nil {
		return nil, err
	}
	out := &dynamodb.UpdateContributorInsightsOutput{TableName: in.TableName, IndexName: in.IndexName}
	err := s.changeTable(ctx, in.TableName, func(_ kv.Txn, t *Table) error {
		name, err := insightIndex(t, in.IndexName)
		if err != nil {
			return err
		}
		set := Insight{Enabled: in.ContributorInsightsAction == types.ContributorInsightsActionEnable, Mode: string(in.ContributorInsightsMode), Changed: s.millis()}
		if set.Mode == "" {
			set.Mode = string(types.ContributorInsightsModeAccessedAndThrottledKeys)
		}
		t.Insights[name] = set
		out.ContributorInsightsMode = types.ContributorInsightsMode(set.Mode)
		out.ContributorInsightsStatus = types.ContributorInsightsStatusDisabling
		if set.Enabled {
			out.ContributorInsightsStatus = types.ContributorInsightsStatusEnabling
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DescribeContributorInsights tells the setting of contributor insights.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: there are no rules to list.
func (s *Service) DescribeContributorInsights(ctx context.Context, in *dynamodb.DescribeContributorInsightsInput) (*dynamodb.DescribeContributorInsightsOutput, error) {
	out := &dynamodb.DescribeContributorInsightsOutput{TableName: in.TableName, IndexName: in.IndexName, ContributorInsightsRuleList: []string{}}
	err := s.viewTable(ctx, in.TableName, func(_ kv.Reader, t *Table) error {
		name, err := insightIndex(t, in.IndexName)
		if err != nil {
			return err
		}
		set := t.Insights[name]
		out.ContributorInsightsStatus, out.ContributorInsightsMode, out.LastUpdateDateTime = insightStatus(set), types.ContributorInsightsMode(set.Mode), millisTime(set.Changed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// maxListInsights is the largest page of ListContributorInsights.
const maxListInsights = 100

// ListContributorInsights lists the settings of contributor insights, of all tables or one.
//
// Limits: 100 a page.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: NextToken is the name of the last table shown; the settings of one table are never divided between pages.
func (s *Service) ListContributorInsights(ctx context.Context, in *dynamodb.ListContributorInsightsInput) (*dynamodb.ListContributorInsightsOutput, error) {
	limit := maxListInsights
	if in.MaxResults > 0 {
		limit = min(limit, int(in.MaxResults))
	}
	out := &dynamodb.ListContributorInsightsOutput{ContributorInsightsSummaries: []types.ContributorInsightsSummary{}}
	list := func(t *Table) {
		names := make([]string, 0, len(t.Insights))
		for n := range t.Insights {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			sum := types.ContributorInsightsSummary{TableName: awssdk.String(t.Name), ContributorInsightsStatus: insightStatus(t.Insights[n]), ContributorInsightsMode: types.ContributorInsightsMode(t.Insights[n].Mode)}
			if n != "" {
				sum.IndexName = awssdk.String(n)
			}
			out.ContributorInsightsSummaries = append(out.ContributorInsightsSummaries, sum)
		}
	}
	if in.TableName != nil {
		err := s.viewTable(ctx, in.TableName, func(_ kv.Reader, t *Table) error { list(t); return nil })
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	req := aws.RequestFrom(ctx)
	err := s.store.View(ctx, func(r kv.Reader) error {
		last := ""
		return s.eachTable(r, req.Account(), req.Region, awssdk.ToString(in.NextToken), func(t *Table) error {
			if len(out.ContributorInsightsSummaries) >= limit {
				out.NextToken = &last
				return kv.ErrStop
			}
			list(t)
			last = t.Name
			return nil
		})
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}
