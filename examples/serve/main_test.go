package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// folder trains a model on a generated set.
func folder(t *testing.T, model string) string {
	t.Helper()
	cfg := train.Config{Model: train.ModelConfig{Name: model, Dim: 8}, Train: train.TrainConfig{Epochs: 1}}
	set, err := data.Load(data.Config{Source: "demo:users=200,items=80,per-user=10"})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	_, err = train.RunDir(t.Context(), dir, cfg, set, nil)
	require.NoError(t, err)
	return dir
}

// TestAnswers: each kind of request gets its answer, whatever the model, and what is wrong a
// reason; a folder that cannot be loaded leaves the run before in place.
func TestAnswers(t *testing.T) {
	for _, model := range []string{"pool", "mf"} {
		s := newService()
		require.NoError(t, s.live.Reload(folder(t, model)))
		server := httptest.NewServer(s.handler())
		defer server.Close()
		ask := func(path string) (int, string) {
			res, err := http.Get(server.URL + path)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			return res.StatusCode, string(body)
		}
		items := func(path string) (ids []string) {
			code, body := ask(path)
			require.Equal(t, http.StatusOK, code, body)
			var r response
			require.NoError(t, json.Unmarshal([]byte(body), &r))
			for _, i := range r.Items {
				ids = append(ids, i.ID)
			}
			return ids
		}
		require.Len(t, items("/recommend?user=7"), 10)
		require.Len(t, items("/recommend?user=7&k=3"), 3)
		of := items("/recommend?history=1&history=2&history=3")
		require.Len(t, of, 10)
		require.NotContains(t, of, "2")
		require.NotEqual(t, of, items("/recommend?history=40&history=41"))
		require.Len(t, items("/recommend?history=1&history=2&seen&k=80"), 80)
		require.Len(t, items("/recommend?history=1&history=2&seen=true&k=80"), 80)
		require.Len(t, items("/recommend?history=1&history=2&seen=false&k=80"), 78)
		require.Len(t, items("/similar?item=5&k=4"), 4)
		code, body := ask("/health")
		require.Equal(t, http.StatusOK, code)
		require.Contains(t, body, `"users":200`)
		for path, want := range map[string]string{
			"/recommend":                   "name a user=",
			"/recommend?user=nobody":       `no user "nobody"`,
			"/recommend?history=nothing":   `no item "nothing"`,
			"/recommend?user=7&k=0":        "k=0: want a whole number from 1 to 1000",
			"/recommend?user=7&k=x":        "k=x",
			"/recommend?user=7&usr=8":      `unknown parameter "usr"`,
			"/recommend?user=7&history=1":  "a user and a history",
			"/recommend?user=7&user=8":     "user= is given 2 times",
			"/recommend?user=7&seen=often": "seen=often: want true or false",
			"/recommend?user=7&k=%zz":      "invalid URL escape",
			"/similar":                     `no item ""`,
			"/recommend?feature=age":       "feature=age: want name=value",
			"/recommend?feature=age=25":    `no feature "age"`,
			"/recommend?history=" + strings.Repeat("1&history=", mostHistory) + "2": "a history of 5001 events; at most 5000",
		} {
			code, body := ask(path)
			require.Equal(t, http.StatusBadRequest, code, body)
			require.Contains(t, body, want)
		}
		code, _ = ask("/nothing")
		require.Equal(t, http.StatusNotFound, code)
		require.Error(t, s.live.Reload(t.TempDir()))
		require.Len(t, items("/recommend?user=7"), 10)
	}
}

// TestLimits: requests beyond those that are answered at once are told to come again.
func TestLimits(t *testing.T) {
	s := newService()
	require.NoError(t, s.live.Reload(folder(t, "mf")))
	for range mostAtOnce {
		s.busy <- struct{}{}
	}
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/recommend?user=7", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	<-s.busy
	w = httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/recommend?user=7", nil))
	require.Equal(t, http.StatusOK, w.Code)
}

// TestStops: a server that is told to end answers what is under way, and then is gone.
func TestStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	begun, goOn := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-goOn
			_, _ = io.WriteString(w, "whole")
		}))
	}()
	var got string
	var one sync.WaitGroup
	one.Go(func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			got = err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		got = string(b)
	})
	<-begun
	cancel()
	time.Sleep(10 * time.Millisecond)
	close(goOn)
	one.Wait()
	require.Equal(t, "whole", got)
	require.NoError(t, <-ended)
	_, err = http.Get("http://" + l.Addr().String())
	require.Error(t, err)
}

// TestLoad: the load test answers, of a folder and of the small model, and says how fast.
func TestLoad(t *testing.T) {
	for _, args := range [][]string{{"-load", "50ms"}, {"-load", "1ns", folder(t, "mf")}, {"-load", "50ms", "-clients", "3", folder(t, "mf")}} {
		var out strings.Builder
		require.NoError(t, run(t.Context(), args, &out))
		require.Regexp(t, `^(pool|mf), \d+ users, \d+ items, \d+ clients over loopback: \d+ requests/s; p50 [\d.]+ ms, p99 [\d.]+ ms\n$`, out.String())
	}
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard))
	require.Error(t, run(t.Context(), []string{t.TempDir()}, io.Discard))
	require.Error(t, run(t.Context(), []string{"a", "b"}, io.Discard))
}
