// Package loglimit bounds log messages that an outsider can trigger at will. A
// message is logged at its first occurrence, then once a minute with a count for as
// long as it repeats. At level debug every occurrence is logged.
package loglimit

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	interval = time.Minute
	// maxKeys bounds the keys of a Limiter. Messages over the bound share one count.
	maxKeys = 100
)

// Limiter limits log messages. The zero Limiter is ready for use by several
// goroutines. For each message of the last minute it keeps the number of occurrences
// and the fields of the last one for which there were any.
//
// Killed: the counts of the last minute are lost.
type Limiter struct {
	mu   sync.Mutex
	keys map[string]*repeated
}

// repeated is a message that was logged within the last minute.
type repeated struct {
	count  int // since it was logged
	log    *zap.Logger
	level  zapcore.Level
	msg    string
	fields []zap.Field
}

// Warn logs a message at level warn.
func (l *Limiter) Warn(log *zap.Logger, msg string, fields ...zap.Field) {
	l.Log(log, zapcore.WarnLevel, msg, msg, fields...)
}

// Error logs a message at level error.
func (l *Limiter) Error(log *zap.Logger, msg string, fields ...zap.Field) {
	l.Log(log, zapcore.ErrorLevel, msg, msg, fields...)
}

// Log logs a message. Messages with the same key are counted together. Neither key nor
// msg may contain data of an outsider.
func (l *Limiter) Log(log *zap.Logger, level zapcore.Level, key, msg string, fields ...zap.Field) {
	if !log.Core().Enabled(level) {
		return
	}
	if l.first(log, level, key, msg, fields) {
		log.Log(level, msg, fields...)
		return
	}
	log.Debug(msg, fields...)
}

// Repeated counts an occurrence of a message that was logged within the last minute, and
// reports true: then it need not be made. It is reported with the fields of an earlier one.
// It is also true if the level is not logged at all.
func (l *Limiter) Repeated(log *zap.Logger, level zapcore.Level, key string) bool {
	if core := log.Core(); !core.Enabled(level) || core.Enabled(zapcore.DebugLevel) {
		return !core.Enabled(level)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.keys[key]
	if r == nil {
		return false
	}
	r.count++
	return true
}

// first counts an occurrence and reports whether it is the first within a minute.
func (l *Limiter) first(log *zap.Logger, level zapcore.Level, key, msg string, fields []zap.Field) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = make(map[string]*repeated)
	}
	if _, known := l.keys[key]; !known && len(l.keys) >= maxKeys {
		key = ""
	}
	r := l.keys[key]
	if r != nil {
		r.count++
		r.log, r.level, r.msg, r.fields = log, level, msg, fields
		return false
	}
	l.keys[key] = &repeated{log: log, level: level, msg: msg, fields: fields}
	time.AfterFunc(interval, func() { l.report(key) })
	return true
}

// report logs how often a message was repeated, or forgets it if it was not.
func (l *Limiter) report(key string) {
	l.mu.Lock()
	r := *l.keys[key]
	if r.count == 0 {
		delete(l.keys, key)
	} else {
		l.keys[key] = &repeated{log: r.log, level: r.level, msg: r.msg, fields: r.fields}
		time.AfterFunc(interval, func() { l.report(key) })
	}
	l.mu.Unlock()
	if r.count > 0 {
		r.log.Log(r.level, r.msg, append(r.fields[:len(r.fields):len(r.fields)], zap.Int("repeated", r.count), zap.Duration("within", interval))...)
	}
}
