package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// measure serves over loopback and has clients ask for users, one after the other, for a time,
// at least once each; it prints how many answers a second there were, and how long half and 99 of
// 100 took.
func measure(ctx context.Context, s *service, clients int, long time.Duration, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- serve(serving, l, s.handler()) }()
	set := s.live.Server().Data()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: 10 * time.Second}
	took := make([][]time.Duration, clients)
	faults := make([]error, clients)
	start := time.Now()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for u := c; (u == c || time.Since(start) < long) && ctx.Err() == nil; u += clients { // once, however long it takes
				began := time.Now()
				if faults[c] = get(ctx, client, fmt.Sprintf("http://%s/recommend?k=10&user=%s", l.Addr(), url.QueryEscape(set.UserName(u%set.Users)))); faults[c] != nil {
					return
				}
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	all.Wait()
	seconds := time.Since(start).Seconds()
	stop()
	if err := <-ended; err != nil {
		return err
	}
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	times := slices.Concat(took...)
	if len(times) == 0 {
		return ctx.Err()
	}
	slices.Sort(times)
	at := func(share float64) float64 { return times[int(share*float64(len(times)-1))].Seconds() * 1e3 }
	_, err = fmt.Fprintf(out, "%s, %d users, %d items, %d clients over loopback: %.0f requests/s; p50 %.2f ms, p99 %.2f ms\n",
		s.live.Server().Plan().Config.Model.Name, set.Users, set.Items, clients, float64(len(times))/seconds, at(0.5), at(0.99))
	return err
}

// get reads an answer to its end.
func get(ctx context.Context, client *http.Client, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return err
}
