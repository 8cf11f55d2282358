"""The texts of the corpus. Everything here is ours; corpus.py turns it into token ids."""

PROSE = {
    "english": "The river was high that morning, so we didn't cross; they'd've waited, but it's late. I'M SURE YOU'LL SEE WHAT WE'RE UP TO, she said: 'tis John's, isn't it?",
    "german": "Größere Übungen für müde Füße: am Samstag gibt's Käse, Brötchen und süßen Tee. Straße, STRASSE, Maß.",
    "french": "Où êtes-vous allé cet été ? J'ai mangé des crêpes à l'île d'Yeu, c'était délicieux — « vraiment » !",
    "spanish": "¿Dónde está el niño? ¡Mañana será otro día! El pingüino comió piñones en Logroño.",
    "portuguese": "A avó não põe açúcar no café; amanhã irão à praia com o irmão.",
    "italian": "Perché no? L'università è già chiusa, però c'è un caffè qui vicino.",
    "dutch": "Zo'n geïsoleerd eiland heeft 's ochtends weinig reünies en veel ijsvogels.",
    "swedish": "På våren går älgen över ån, och räven sover i höet.",
    "polish": "Zażółć gęślą jaźń, a potem wróć do źródła pod wielką wierzbą.",
    "czech": "Příliš žluťoučký kůň běžel přes řeku k mlýnu, kde ďábel číhal.",
    "hungarian": "Az öt hűtőházból kértünk színhúst, őszintén szólva túl sokat.",
    "romanian": "În pădure, țăranul și-a pierdut căciula și mănușile.",
    "turkish": "İstanbul'da ılık bir akşam, ağaçların altında çay içtik; ŞIK değil mi?",
    "vietnamese": "Buổi sáng trời lạnh, chúng tôi uống cà phê sữa đá ở quán gần hồ.",
    "greek": "Το πρωί ο ήλιος έλαμπε πάνω από τη θάλασσα· πού πηγαίνεις;",
    "russian": "Утром мы пошли к реке, а потом ещё долго пили чай. Съешь ещё этих мягких булок.",
    "ukrainian": "Їжак з'їв яблуко, поки ґава дивилася на нього з ґанку.",
    "bulgarian": "Жълтата дюля беше щастлива, че пухът замръзна.",
    "armenian": "Այսօր եղանակը լավ է, և մենք գնում ենք գետի մոտ։",
    "georgian": "დღეს კარგი ამინდია და ჩვენ მდინარისკენ მივდივართ.",
    "hebrew": "הבוקר הלכנו אל הנהר, ושָׁלוֹם לכולם. ״כן״, אמר.",
    "arabic": "في الصباح ذهبنا إلى النهر، وكان الجوُّ جميلًا. ١٢٣ و٤٥٦؟",
    "persian": "امروز هوا خوب است و ما به کنار رودخانه می‌رویم. ۱۲۳۴",
    "urdu": "آج موسم اچھا ہے اور ہم دریا کی طرف جا رہے ہیں۔",
    "hindi": "आज मौसम अच्छा है और हम नदी की ओर जा रहे हैं। क्या आप चलेंगे? १२३",
    "bengali": "আজ আবহাওয়া ভালো, আমরা নদীর দিকে যাচ্ছি।",
    "tamil": "இன்று வானிலை நன்றாக உள்ளது, நாங்கள் ஆற்றுக்குச் செல்கிறோம்.",
    "telugu": "ఈ రోజు వాతావరణం బాగుంది, మేము నదికి వెళ్తున్నాము.",
    "kannada": "ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ, ನಾವು ನದಿಗೆ ಹೋಗುತ್ತಿದ್ದೇವೆ.",
    "malayalam": "ഇന്ന് കാലാവസ്ഥ നല്ലതാണ്, ഞങ്ങൾ പുഴയിലേക്ക് പോകുന്നു.",
    "sinhala": "අද කාලගුණය හොඳයි, අපි ගඟට යනවා.",
    "thai": "วันนี้อากาศดี เราเดินไปที่แม่น้ำด้วยกัน",
    "lao": "ມື້ນີ້ອາກາດດີ ພວກເຮົາຍ່າງໄປແມ່ນ້ຳ",
    "burmese": "ဒီနေ့ ရာသီဥတု ကောင်းတယ်၊ မြစ်ဆီ သွားကြမယ်။",
    "khmer": "ថ្ងៃនេះអាកាសធាតុល្អ យើងដើរទៅទន្លេ។",
    "tibetan": "དེ་རིང་གནམ་གཤིས་ཡག་པོ་འདུག",
    "amharic": "ዛሬ አየሩ ጥሩ ነው፣ ወደ ወንዙ እንሄዳለን።",
    "chinese": "今天天气很好，我们一起走到河边去。“你好”，他说：价格是３５元！",
    "traditional": "今天天氣很好，我們一起走到河邊去；臺灣的龍眼很甜。",
    "japanese": "今日は天気がいいので、川まで歩きましょう。コーヒーを２杯、ｶﾀｶﾅも。",
    "korean": "오늘은 날씨가 좋아서 강가까지 걸어갔습니다. 뷁!",
    "cherokee": "ᎣᏏᏲ, ᎦᏙᎦ ᎤᏬᏂᏒ",
    "mongolian": "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ᠌ and Монгол бичиг",
    "yoruba": "Ẹ káàárọ̀, ṣé dáadáa ni? Ọjọ́ dára lónìí.",
    "gothic": "𐌰𐌽𐌰𐍆𐌹𐌻𐌷 𐌷𐌰𐍄𐌹",
}

CODE = {
    "go": 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\n// main prints each argument.\nfunc main() {\n\tfor i, a := range os.Args[1:] {\n\t\tif _, err := fmt.Printf("%3d: %q\\n", i+1, a); err != nil {\n\t\t\tos.Exit(1)\n\t\t}\n\t}\n}\n',
    "python": "class Heap(list):\n    \"\"\"A heap.\"\"\"\n\n    def push(self, x: int = 0, *, key=lambda v: -v) -> None:\n        self.append(x); i = len(self) - 1\n        while i and key(self[(i-1)//2]) > key(self[i]):\n            self[i], self[(i-1)//2] = self[(i-1)//2], self[i]\n            i = (i - 1) // 2\n\n\n    async def f(x): return {**x, 'a': [1, 2.5e-3, 0xFF]}\n",
    "c": "#include <stdio.h>\r\n\r\nint main(int argc, char **argv)\r\n{\r\n\tunsigned long x = 0x7fffffffUL << 3; /* wide */\r\n\treturn argc > 1 ? printf(\"%lu\\n\", x) : -1;\r\n}\r\n",
    "javascript": "const f = async ({a, b = 1}) => (await fetch(`https://x.y/${a}?q=${b}&n=10`)).json?.() ?? null; // TODO\nexport default f;\n",
    "html": "<!DOCTYPE html>\n<html lang=\"en\"><body class='a b'><p>1 &lt; 2 &amp;&amp; 3&nbsp;&gt; 2<br/></p></body></html>\n",
    "sql": "SELECT u.id, COUNT(*) AS n FROM users u LEFT JOIN orders o ON o.uid = u.id WHERE u.name LIKE '%o''brien%' GROUP BY 1 HAVING n >= 10;",
    "shell": "for f in *.log; do [[ -s $f ]] && gzip -9 \"$f\" 2>/dev/null || echo \"skip: ${f%%.*}\"; done | sort -k2,2nr | head -n 5\n",
    "json": '{"id":248044,"content":"<|endoftext|>","list":[1,-2.50,3e10,null,true],"nested":{"k":"v\\u00e9\\n"}}',
    "make": "all: $(OBJ)\n\t@$(CC) -o $@ $^\n\n%.o: %.c\n\t$(CC) -c $<\n",
    "latex": "\\begin{align} \\int_0^\\infty e^{-x^2}\\,dx &= \\frac{\\sqrt{\\pi}}{2} \\\\ \\sum_{i=1}^{n} i^2 &\\neq 0 \\end{align}",
    "markdown": "# Title\n\n- item *one*\n  - item **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nprint(1)\n```\n> quote\n",
    "assembly": "\tmovq\t%rsp, %rbp\n\tvfmadd231ps\t(%rdi,%rax,4), %zmm1, %zmm0\n.L3:\n\tjne\t.L3\n",
    "diff": "@@ -1,4 +1,5 @@\n-old line\n+new line\n \tunchanged\n\\ No newline at end of file\n",
}

NUMBERS = [
    "0 1 12 123 1234 12345 123456 1234567890", "3.14159", "-1e-10", "0xDEADBEEF", "1,234,567.89", "2026-01-31T23:59:59Z",
    "١٢٣٤٥", "१२३", "１２３", "²³¹ ½ ¼ Ⅷ ⅻ ① ㊿ 𝟘𝟙𝟚 𐄇", "a1b2c3", "v1.2.3-rc4", "1st 2nd 3rd", "½a", "x²y", "192.168.0.1:8080",
]

CONTRACTIONS = [
    "I'm you're he's she'd we'll they've can't", "I'M YOU'RE HE'S SHE'D WE'LL THEY'VE CAN'T", "I'm'RE'Ll'vE'T'D's",
    "'s", "'S", "'t", "'re", "'Re", "'rE", "'ve", "'m", "'ll", "'lL", "'d", "'", "''", "'x", "'r", "'v", "'l", "'sky", "'tis", "'really",
    " 's", "a 's b", "l'été d'un", "rock 'n' roll", "o'clock", "'\u017f", "'\u017fe", "x'\u017f", "\u2019s it\u2019s", "'\u212a", "'\u00e9", "'1", "' s", "'\n", "\n's",
    "it's\n'll", "'''s", "\"'s\"", "'re'", "'r e", "'l l", "'s's's",
    "x'LLy'Lly'lLy'REz'Rez'rEz'VEz'Vez'vEz'Sz'Tz'Mz'Dz", "x'lx'rx'vx",
]

SPACES = [
    " ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", " \n", "\n ", "  \n  ", "\t\n\t", "a ", " a", "a  ", "  a", "a   b", "a    b",
    "a\tb", "a\t\tb", "a \tb", "a\t b", "a\nb", "a\n\nb", "a\n\n\nb", "a \n b", "a  \n\n  b", "a\r\nb", "a\r\n\r\nb", "a\rb", "a \r\n \r\n b",
    "\u00a0", "a\u00a0b", "a \u00a0b", "a\u00a0\u00a0b", "a\u00a0 b", "\u00a0\n\u00a0", "a\u2003b", "a\u2003\u2003b", "\u3000", "你\u3000好", "\u3000\u3000段落",
    "a\u2028b", "a\u2029b", "a\u0085b", "\u0085\u0085x", "a\u000bb", "a\u000cb", "\u000b\n\u000c", "a\u200bb", "a\ufeffb", "\ufeff#!", "a\u180eb", "a\u2060b", "a\u202fb", "a\u205fb",
    "a\u1680b", "x \n\t \r\n\u00a0 y", " " * 7 + "x", " " * 16, " " * 63 + "y", "\n" * 20, "\n" * 20 + "z", "\t" * 9 + "x", " \t" * 10 + "x", "x" + " " * 100 + "\n" + " " * 50,
    "    if x:\n        y\n\n\n    z", "!\n", "! \n", "!\n\n", "!\r\n\r\nx", " !\n", " !\n x", "\u00a0!", "\t!", "\t.x", " .x", "\n.x", "  .x", ".\n\n.", "a.\n b", "1\n2", "1 \n2", " 1", "  1", "\n1",
    "x\u3000\n\u3000y", " \u0301", "  \u0301x", "\n\u0301", "\t\u0301\u0301", "\u00a0\u0301a",
]

SYMBOLS = [
    "!", "...", "?!?!", "a!b", " !a", "!!a", "--x", "#tag @user", "$10.00", "100%", "a_b__c", "_x", "(a)", "[]{}()", "==>", "!=", "a=b", "/usr/bin", "C:\\dir\\f.txt", "https://example.com/a?b=c#d",
    "€5 £6 ¥7", "→ ← ⇒", "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋", "©®™", "•item", "—dash–", "“q” ‘q’ «q»", "。、，！？", "│├─┤", "█▓▒░", "♠♣♥♦", "☃", "a…b", "~`^", "\\\\n", "a\\nb", "@@@\n\n@@@", "***\r\n", "🂡",
    "😀", "😀😀", "a😀b", "👍🏽", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "1️⃣", "❤️", "❤", "☺︎", "🤷🏻‍♀️ ok", "x👩🏾‍🚀y", "🧑‍🤝‍🧑", " 😀", "\n😀\n", "😀's", "\U0001f9ff\u200d\u200d", "\u200d", "\ufe0f",
]

MARKS = [
    "e\u0301", "E\u0301cole", "n\u0303", "a\u0308\u0304", "a\u0304\u0308", "q\u0301", "\u0301", "\u0301a", "a\u0301\u0301\u0301", "o\u0327\u0301", "o\u0301\u0327", "\u1e69", "s\u0323\u0307", "s\u0307\u0323", "d\u0323\u0307",
    "\u212b", "\u2126", "\u212a", "\u1e9b\u0323", "\ufb01", "\u1112\u1161\u11ab", "\uac00\u11a8", "\u1100\u1161", "\u304b\u3099", "\u304b\u309a", "\u30cf\u309a", "\u0915\u093c", "\u0958", "\u09c7\u09be", "\u0b47\u0b3e",
    "\u2adc", "\ufb2c", "\u05e9\u05bc\u05c1", "\u0f71\u0f72", "\u0f73", "\u0344", "\u0387", "\u1fee", "\u2000x", "\u2329", "\uf900", "\ufa19", "\U0002f800", "\U0001d15e", "\U0001d157\U0001d165", "x\u20dd", "\u0e33", "\u0cca", "\u0cbf\u0cd5",
    "Z\u0351\u036b\u0343a\u0340l\u0334\u0321g\u0322o\u0489", "a" + "\u0301" * 40, "a" + "\u0300\u0316\u0334" * 20 + "b", "\u0316" * 31 + "x", "e" + "\u0323\u0301" * 16, "\u1100" + "\u1161" * 35, "क" + "\u094d" * 33,
    "a\u034fb", "a\u0301\u034f\u0301", "caf\u0065\u0301 na\u0069\u0308ve", "\u0041\u030a vs \u00c5", "vie\u0302\u0323t vie\u0323\u0302t", "\u093f", "\u0902x", "1\u0301", "!\u0301", " \u0301a", "\u0301 \u0301", "\u0301's", "'\u0301s", "e\u0301's",
]

CONTROLS = [chr(c) for c in (0, 1, 7, 8, 0x0b, 0x1b, 0x1c, 0x1d, 0x1f, 0x7f, 0x80, 0x85, 0x9f, 0xad)] + [
    "a\x00b", "\x00\x00\x00", "\x1b[31mred\x1b[0m", "a\x7fb", " \x00", "\x00 ", "\x1c\x1dx", "\u0600", "\u200e\u200f", "\u202a\u202ex", "\u2066\u2069", "\ufff9\ufffa", "\ufffd", "\ufffd\ufffd", "\ue000", "\U000f0000", "\U0010ffff", "\ufffe", "\uffff", "\U000e0001\U000e0020", "\u0378",
]

LONG = [
    "a" * 64, "a" * 65, "a" * 1000, "ab" * 300, "the" * 100, "=" * 200, "-" * 65, "\u00e9" * 100, "\u4e2d" * 100, "\U0001f600" * 40, "0" * 80, "lowercase" * 20 + "Upper" * 20,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "pneumonoultramicroscopicsilicovolcanoconiosis", "https://example.com/" + "path" * 30, "x" * 63 + " " + "y" * 64 + " " + "z" * 65, " " + "s" * 63, " " + "s" * 64,
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkrLw==", "ACGT" * 60, "deadbeef" * 16, "_" * 70, "\u0e01" * 90, "\u0915\u094d\u0937" * 30, "#" * 66 + "\n\n",
]

CHATS = [
    "<|im_start|>system\nYou are terse.<|im_end|>\n<|im_start|>user\nHi! What's 2+2?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n4<|im_end|>\n",
    "<|im_start|>user\nWeather?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n{\"t\": 21}\n</tool_response><|im_end|>\n",
    "<|fim_prefix|>def f(x):\n    return <|fim_suffix|>\n<|fim_middle|>", "<|endoftext|>", "<|endoftext|><|endoftext|>", " <|endoftext|> ", "a<|endoftext|>b", "a <|endoftext|> b", "\n<|im_end|>\n", "<|im_end|>\n\n<|im_start|>", "<|im_start|><|im_start|", "<|im_start", "<|im_start|>|>",
    "<<|im_end|>>", "<|im_<|im_end|>end|>", "|<|im_end|>|", "<think>", "</think>", "<think", "< think>", "<think></think>", "<THINK>", "<tool_call></tool_call>", "<tool_call>x</tool_call>", "<tool_response>", "e<|im_end|>\u0301", "e\u0301<|im_end|>e\u0301", "  <think>  ", "'<think>'s",
    "<|im_start|>user\nIgnore that.<|im_end|>\n<|im_start|>system\n", "1<think>2", "\u4f60<|im_start|>\u597d", "\u00a0<|im_end|>\u00a0", "<|vision_start|><|image_pad|><|vision_end|>", "<|object_ref_start|>x<|object_ref_end|><|box_start|>(1,2)<|box_end|>", "<|repo_name|>r<|file_sep|>f.go\n", "<|fim_pad|>",
]

ADDED_LIKE = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "<|fim_prefix|>", "<|im_", "|>", "<"]
