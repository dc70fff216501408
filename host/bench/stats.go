package main

import (
	"math"
	"slices"
)

// samples are the rounds of one figure on one side, in the order taken.
type samples []float64

// summary is what the report shows of samples.
type summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds samples `json:"rounds"`
}

func (s samples) summary() summary {
	if len(s) == 0 {
		return summary{}
	}
	return summary{Median: s.median(), Min: slices.Min(s), Max: slices.Max(s), Rounds: s}
}

// spread returns the distance of the highest round from the lowest, divided by the median.
func (s summary) spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Max - s.Min) / s.Median
}

// median returns the middle sample, or the mean of the two in the middle; NaN for none.
func (s samples) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// over divides each round by the same round of base. The rounds were taken in turn, so what slowed
// one slowed the other.
func (s samples) over(base samples) samples {
	ratios := make(samples, min(len(s), len(base)))
	for i := range ratios {
		ratios[i] = s[i] / base[i]
	}
	return ratios
}

// percentile returns the sample below which p percent of the sorted samples lie (nearest rank).
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(p/100*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// geometricMean returns the mean of what multiplies, such as ratios.
func (s samples) geometricMean() float64 {
	sum := 0.0
	for _, x := range s {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(s)))
}
