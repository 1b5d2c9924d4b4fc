// Package loglimit keeps the log small where an outsider decides how often something
// happens. What comes again and again is logged when it comes first, and from then on
// once a minute, with a count, for as long as it goes on.
//
// At level debug every occurrence is logged.
package loglimit

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	interval = time.Minute
	// maxKeys bounds what a Limiter keeps. Messages over the bound share one count.
	maxKeys = 100
)

// Limiter limits log messages. The zero Limiter is ready for use, from several
// goroutines at once. It keeps nothing but the number of occurrences and the fields of
// the last one, for each message of the last minute.
//
// When the process ends, the count of the last minute is lost.
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

// Log logs a message. Those with the same key are counted together; neither key nor msg
// may hold anything of an outsider's.
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

// first notes an occurrence and reports whether it is the first within a minute.
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
	l.keys[key] = &repeated{}
	time.AfterFunc(interval, func() { l.tell(key) })
	return true
}

// tell logs how often a message came since it was logged, or forgets it.
func (l *Limiter) tell(key string) {
	l.mu.Lock()
	r := *l.keys[key]
	if r.count == 0 {
		delete(l.keys, key)
	} else {
		l.keys[key] = &repeated{}
		time.AfterFunc(interval, func() { l.tell(key) })
	}
	l.mu.Unlock()
	if r.count > 0 {
		r.log.Log(r.level, r.msg, append(r.fields[:len(r.fields):len(r.fields)], zap.Int("repeated", r.count), zap.Duration("within", interval))...)
	}
}
