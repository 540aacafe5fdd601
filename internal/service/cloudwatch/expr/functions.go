package expr

import (
	"errors"
	"math"
)

type function struct {
	min, max int
	call     func(sc *Scope, args []node) (Value, error)
}

// functions are those that are supported, by name. It is filled in init because
// evaluation and the table refer to each other.
var functions map[string]function

func init() {
	functions = map[string]function{
		"METRICS": {0, 1, (*Scope).metrics},
		"FILL":    {2, 2, (*Scope).fill},
		"PERIOD":  {1, 1, (*Scope).period},
		"ABS":     {1, 1, mapping(math.Abs)},
		"CEIL":    {1, 1, mapping(math.Ceil)},
		"FLOOR":   {1, 1, mapping(math.Floor)},
		"SUM":     {1, 1, reducing(func(acc, x float64) float64 { return acc + x }, false)},
		"AVG":     {1, 1, reducing(func(acc, x float64) float64 { return acc + x }, true)},
		"MIN":     {1, 1, reducing(math.Min, false)},
		"MAX":     {1, 1, reducing(math.Max, false)},
	}
}

// metrics are the metrics of the request, or those whose ids contain a text.
func (sc *Scope) metrics(args []node) (Value, error) {
	part := ""
	if len(args) == 1 {
		if args[0].kind != kindText {
			return Value{}, errors.New("METRICS takes a text")
		}
		part = args[0].text
	}
	return Value{Series: sc.Metrics(part), Array: true}, nil
}

// mapping applies f to every value.
func mapping(f func(float64) float64) func(*Scope, []node) (Value, error) {
	return func(sc *Scope, args []node) (Value, error) {
		v, err := sc.eval(&args[0])
		if err != nil {
			return v, err
		}
		return v.each(f), nil
	}
}

// reducing makes one number of a series, and one series of an array of them: at each
// time of what is there at that time.
func reducing(f func(acc, x float64) float64, mean bool) func(*Scope, []node) (Value, error) {
	type sum struct{ acc, n float64 }
	add := func(s sum, x float64) sum {
		if s.n == 0 {
			return sum{x, 1}
		}
		return sum{f(s.acc, x), s.n + 1}
	}
	result := func(s sum) float64 {
		if mean && s.n > 0 {
			return s.acc / s.n
		}
		return s.acc
	}
	return func(sc *Scope, args []node) (Value, error) {
		v, err := sc.eval(&args[0])
		if err != nil || v.IsNumber() {
			return v, err
		}
		if !v.Array {
			var s sum
			for _, t := range v.Series[0].Times() {
				s = add(s, v.Series[0].Points[t])
			}
			return Value{Number: result(s)}, nil
		}
		at, out := map[int64]sum{}, &Series{Points: map[int64]float64{}}
		for _, s := range v.Series {
			out.Period = max(out.Period, s.Period)
			for t, x := range s.Points {
				at[t] = add(at[t], x)
			}
		}
		for t, s := range at {
			out.set(t, result(s))
		}
		return one(out), nil
	}
}

// period is the number of seconds between a series' values.
func (sc *Scope) period(args []node) (Value, error) {
	v, err := sc.eval(&args[0])
	if err != nil {
		return v, err
	}
	if v.Array || v.IsNumber() {
		return v, errors.New("PERIOD takes one time series")
	}
	return Value{Number: float64(v.Series[0].Period)}, nil
}

// fill puts a value where a series has none: a number, the last one before, or one on the
// straight line between its neighbours.
func (sc *Scope) fill(args []node) (Value, error) {
	v, err := sc.eval(&args[0])
	if err != nil {
		return v, err
	}
	if v.IsNumber() {
		return v, errors.New("FILL takes time series")
	}
	how, by := args[1].text, 0.0
	if args[1].kind != kindWord {
		filler, err := sc.eval(&args[1])
		if err != nil {
			return v, err
		}
		if !filler.IsNumber() {
			return v, errors.New("FILL fills with a number, REPEAT or LINEAR")
		}
		how, by = "", filler.Number
	}
	out := Value{Array: v.Array}
	for _, s := range v.Series {
		full, err := sc.fillSeries(s, how, by)
		if err != nil {
			return v, err
		}
		out.Series = append(out.Series, full)
	}
	return out, nil
}

func (sc *Scope) fillSeries(s *Series, how string, by float64) (*Series, error) {
	out := &Series{Label: s.Label, Period: s.Period, Points: map[int64]float64{}}
	if s.Period <= 0 {
		return out, nil
	}
	if err := sc.spend((sc.End - sc.Start) / s.Period); err != nil {
		return nil, err
	}
	have := s.Times()
	i := 0 // the first of have that is not before t
	for t := sc.Start; t < sc.End; t += s.Period {
		for i < len(have) && have[i] < t {
			i++
		}
		if x, ok := s.Points[t]; ok {
			out.set(t, x)
			continue
		}
		switch {
		case how == "":
			out.set(t, by)
		case how == "REPEAT" && i > 0:
			out.set(t, s.Points[have[i-1]])
		case how == "LINEAR" && i > 0 && i < len(have):
			a, b := have[i-1], have[i]
			out.set(t, s.Points[a]+(s.Points[b]-s.Points[a])*float64(t-a)/float64(b-a))
		}
	}
	return out, nil
}
