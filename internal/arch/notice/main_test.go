package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoticeOfModules(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	of := func() (string, error) { return notice([]module{{"example.com/m", "v1.2.3", dir}}) }

	_, err := of()
	require.EqualError(t, err, "example.com/m v1.2.3: there is no licence")
	write("LICENSE.md", "All rights are mine.")
	_, err = of()
	require.EqualError(t, err, "example.com/m v1.2.3: LICENSE.md is of no known kind")
	write("LICENSE.md", "Copyright (c) 2020  A. Person\n\nPermission is hereby granted, free of\ncharge, to any person obtaining a copy of it\n")
	write("COPYING", "Copyright 2019 The Authors\nRedistribution and use in source and binary forms, with or without modification,\nare permitted provided that the following conditions are met:\n(c) You must\n")
	text, err := of()
	require.NoError(t, err)
	require.Equal(t, head+"\nexample.com/m v1.2.3: BSD-2-Clause and MIT\n    Copyright 2019 The Authors\n    Copyright (c) 2020 A. Person\n", text)

	added, removed := differences(text, text)
	require.Empty(t, append(added, removed...))
	added, removed = differences(text, head+"\nexample.com/n v1.0.0: MIT\n")
	require.Equal(t, []string{"example.com/n v1.0.0: MIT"}, added)
	require.Len(t, removed, 3)
}
