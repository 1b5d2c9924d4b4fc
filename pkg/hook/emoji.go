package hook

import (
	"regexp"
	"strings"
)

var emojiName = regexp.MustCompile(`(^|[^\w:/]):([a-z0-9_+-]+):`)

// emoji writes the names of common emoji as such; other names stay.
func emoji(s string) string {
	if strings.IndexByte(s, ':') < 0 {
		return s
	}
	for range 2 { // two side by side share a colon with nothing between
		s = emojiName.ReplaceAllStringFunc(s, func(found string) string {
			m := emojiName.FindStringSubmatch(found)
			if e, ok := emojis[m[2]]; ok {
				return m[1] + e
			}
			return found
		})
	}
	return s
}

// emojis are the common names, as Slack, GitHub, Mattermost, Discord and ntfy write them.
var emojis = map[string]string{
	"+1": "👍", "-1": "👎", "100": "💯", "alarm_clock": "⏰", "ambulance": "🚑", "anger": "💢", "arrow_down": "⬇️", "arrow_right": "➡️", "arrow_up": "⬆️", "art": "🎨",
	"ballot_box_with_check": "☑️", "bangbang": "‼️", "bar_chart": "📊", "battery": "🔋", "beer": "🍺", "bell": "🔔", "black_circle": "⚫", "blue_heart": "💙", "boom": "💥", "book": "📖",
	"broken_heart": "💔", "bug": "🐛", "bulb": "💡", "calendar": "📆", "camera": "📷", "cd": "💿", "chart_with_downwards_trend": "📉", "chart_with_upwards_trend": "📈", "clap": "👏", "clipboard": "📋",
	"clock1": "🕐", "closed_lock_with_key": "🔐", "cloud": "☁️", "collision": "💥", "computer": "💻", "construction": "🚧", "credit_card": "💳", "cry": "😢", "dizzy": "💫", "droplet": "💧",
	"electric_plug": "🔌", "email": "📧", "envelope": "✉️", "exclamation": "❗", "eyes": "👀", "facepalm": "🤦", "file_folder": "📁", "fire": "🔥", "floppy_disk": "💾", "gear": "⚙️",
	"gem": "💎", "ghost": "👻", "gift": "🎁", "globe_with_meridians": "🌐", "green_circle": "🟢", "green_heart": "💚", "grey_question": "❔", "hammer": "🔨", "hammer_and_wrench": "🛠️", "heart": "❤️",
	"heavy_check_mark": "✔️", "heavy_exclamation_mark": "❗", "heavy_multiplication_x": "✖️", "hourglass": "⌛", "house": "🏠", "information_source": "ℹ️", "joy": "😂", "key": "🔑", "large_blue_circle": "🔵", "link": "🔗",
	"lock": "🔒", "loudspeaker": "📢", "mag": "🔍", "mailbox": "📫", "mega": "📣", "memo": "📝", "money_with_wings": "💸", "muscle": "💪", "negative_squared_cross_mark": "❎", "new": "🆕",
	"no_entry": "⛔", "no_entry_sign": "🚫", "octagonal_sign": "🛑", "ok": "🆗", "ok_hand": "👌", "orange_circle": "🟠", "package": "📦", "partying_face": "🥳", "pencil": "📝", "phone": "☎️",
	"pray": "🙏", "printer": "🖨️", "purple_heart": "💜", "pushpin": "📌", "question": "❓", "rage": "😡", "raised_hands": "🙌", "recycle": "♻️", "red_circle": "🔴", "repeat": "🔁",
	"rocket": "🚀", "rotating_light": "🚨", "satellite": "📡", "scream": "😱", "shield": "🛡️", "shrug": "🤷", "skull": "💀", "slightly_smiling_face": "🙂", "smile": "😄", "smiley": "😃",
	"sos": "🆘", "sparkles": "✨", "speech_balloon": "💬", "star": "⭐", "stop_sign": "🛑", "sunny": "☀️", "tada": "🎉", "thinking": "🤔", "thumbsdown": "👎", "thumbsup": "👍",
	"tools": "🛠️", "triangular_flag_on_post": "🚩", "trophy": "🏆", "truck": "🚚", "umbrella": "☔", "unlock": "🔓", "warning": "⚠️", "wastebasket": "🗑️", "wave": "👋", "white_check_mark": "✅",
	"white_circle": "⚪", "wrench": "🔧", "x": "❌", "yellow_circle": "🟡", "zap": "⚡", "zzz": "💤",
}
