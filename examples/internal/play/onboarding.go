package play

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// everyMinor says how many customers there are for one who is not of age.
const everyMinor = 10

// Onboarding registers customers, some of whom must be refused, and kills the
// server in the middle.
func Onboarding(ctx context.Context, e Env, scale Scale) (Result, error) {
	r := Result{System: "onboarding"}
	s, err := e.Up(ctx, "onboarding")
	if err != nil {
		return r, err
	}
	defer s.Stop()
	p := &onboarding{s: s, r: &r}
	if p.url, err = s.Endpoint(http.MethodPost, "/customers"); err != nil {
		return r, err
	}
	for _, step := range []func(context.Context, Scale) error{p.one, p.many, p.compare, p.stream} {
		if err := step(ctx, scale); err != nil {
			return r, err
		}
	}
	return r, nil
}

type onboarding struct {
	s      *Server
	url    string
	r      *Result
	adults int
	minors int
}

// register registers a customer and gives its id.
func (p *onboarding) register(ctx context.Context, key, born string) (string, error) {
	status, text, err := insist(ctx, http.MethodPost, p.url, key, fmt.Sprintf(`{"name":"Customer %s","country":"GB","birthDate":%q}`, key, born))
	if err != nil {
		return "", err
	}
	var c struct{ ID string }
	if err := json.Unmarshal([]byte(text), &c); err != nil || status != http.StatusAccepted || c.ID == "" {
		return "", fmt.Errorf("registration %s: %d %s", key, status, text)
	}
	return c.ID, nil
}

func (p *onboarding) status(ctx context.Context, id string) (string, error) {
	_, text, err := insist(ctx, http.MethodGet, p.url+"/"+id, "", "")
	if err != nil {
		return "", err
	}
	var c struct{ Status string }
	err = json.Unmarshal([]byte(text), &c)
	return c.Status, err
}

// one follows single customers from DRAFT to APPROVED; the first of them warms the functions up.
func (p *onboarding) one(ctx context.Context, scale Scale) error {
	var lat samples
	for i := range max(scale.Customers/10, 2) {
		start := time.Now()
		id, err := p.register(ctx, fmt.Sprintf("single-%d", i), "1990-12-10")
		if err != nil {
			return err
		}
		p.adults++
		got, err := p.approved(ctx, id)
		if err != nil {
			return err
		}
		if i == 0 {
			p.r.check("status of a customer of age", "APPROVED", got)
			continue
		}
		lat.add(time.Since(start))
	}
	p.r.Figures = append(p.r.Figures, lat.figure("registered → APPROVED", 0))
	status, _, err := insist(ctx, http.MethodPost, p.url, "", `{"name":""}`)
	p.r.check("status of a registration without a name", http.StatusBadRequest, status)
	return err
}

// approved waits until a customer is approved, looking more often than eventually does: this is measured.
func (p *onboarding) approved(ctx context.Context, id string) (status string, err error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if status, err = p.status(ctx, id); err != nil || status == "APPROVED" {
			return status, err
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return status, err
		}
	}
	return status, nil
}

// many registers customers, eight at a time, and kills the server when a third is through.
func (p *onboarding) many(ctx context.Context, scale Scale) error {
	jobs := make(chan int)
	third := make(chan struct{})
	errs := make(chan error, 8)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for i := range jobs {
				born := "1980-01-31"
				if i%everyMinor == 0 {
					born = time.Now().AddDate(-10, 0, 0).Format(time.DateOnly)
				}
				if _, err := p.register(ctx, fmt.Sprintf("many-%d", i), born); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	go func() {
		defer close(jobs)
		for i := range scale.Customers {
			select {
			case jobs <- i:
			case <-ctx.Done():
				return
			}
			if i == scale.Customers/3 {
				close(third)
			}
		}
	}()
	var restart error
	select {
	case <-third:
		restart = p.s.KillAndRestart(ctx)
	case <-ctx.Done():
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	p.minors = (scale.Customers + everyMinor - 1) / everyMinor
	p.adults += scale.Customers - p.minors
	p.r.Records += p.adults + p.minors
	return restart
}

// compare waits until everybody is where they belong.
func (p *onboarding) compare(ctx context.Context, _ Scale) error {
	type account struct {
		ID string `dynamodbav:"customerId"`
	}
	got, err := eventually(ctx, p.adults, func(ctx context.Context) (int, error) {
		list, err := rows[account](ctx, p.s.Config(), p.s.Outputs["AccountsTable"])
		return len(list), err
	})
	if err != nil {
		return err
	}
	p.r.check("accounts opened, across kill -9", p.adults, got)
	type customer struct{ Status, Verification string }
	count := func(status, verification string) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			list, err := rows[customer](ctx, p.s.Config(), p.s.Outputs["CustomersTable"])
			n := 0
			for _, c := range list {
				if c.Status == status && c.Verification == verification {
					n++
				}
			}
			return n, err
		}
	}
	if got, err = eventually(ctx, p.adults, count("APPROVED", "PASSED")); err != nil {
		return err
	}
	p.r.check("customers APPROVED", p.adults, got)
	if got, err = eventually(ctx, p.minors, count("DRAFT", "FAILED")); err != nil {
		return err
	}
	p.r.check("customers not of age, still DRAFT", p.minors, got)
	return nil
}

// stream looks at the events themselves.
func (p *onboarding) stream(ctx context.Context, _ Scale) error {
	list, err := onStream(ctx, p.s.Config(), p.s.Outputs["EventStream"])
	if err != nil {
		return err
	}
	versions, approved := map[string]bool{}, map[string]bool{}
	for _, record := range list {
		var e struct {
			Metadata struct{ SchemaVersionID string }
			Body     struct{ ID, NewStatus string }
		}
		if err := json.Unmarshal(record.Data, &e); err != nil {
			return fmt.Errorf("an event is not JSON: %w", err)
		}
		versions[e.Metadata.SchemaVersionID] = true
		if e.Body.NewStatus == "APPROVED" {
			approved[e.Body.ID] = true
		}
	}
	uuids := 0
	for v := range versions {
		if len(v) == 36 && strings.Count(v, "-") == 4 {
			uuids++
		}
	}
	p.r.check("schema versions named by the events", 1, uuids)
	p.r.check("events without a schema version", 0, len(versions)-uuids)
	p.r.check("customers told of as APPROVED", p.adults, len(approved))
	return nil
}
