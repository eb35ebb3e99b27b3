"""A few words of everyday prose in the languages that IFEval asks for, written for this file."""

# ruff: noqa: RUF001 - other alphabets have letters that look like ours
from __future__ import annotations

from collections.abc import Mapping

PROSE: Mapping[str, str] = {
    "ar": "هذا جواب قصير مكتوب باللغة العربية. الطقس جميل اليوم والناس في الشارع.",
    "bg": "Това е кратък отговор, написан на български език. Днес времето е хубаво и хората са навън.",
    "bn": "এটি বাংলা ভাষায় লেখা একটি ছোট উত্তর। আজ আবহাওয়া ভালো এবং মানুষ রাস্তায় আছে।",
    "de": "Das ist eine kurze Antwort auf Deutsch. Heute ist das Wetter schön, und die Leute sind draußen.",
    "en": "This is a short answer in the English language. The weather is fine today and people are outside.",
    "es": "Esta es una respuesta corta escrita en español. Hoy hace buen tiempo y la gente está en la calle.",
    "fa": "این یک پاسخ کوتاه به زبان فارسی است. امروز هوا خوب است و مردم در خیابان هستند.",
    "fi": "Tämä on lyhyt vastaus suomen kielellä. Tänään sää on kaunis ja ihmiset ovat ulkona.",
    "fr": "Ceci est une courte réponse écrite en français. Il fait beau aujourd'hui et les gens sont dehors.",
    "gu": "આ ગુજરાતી ભાષામાં લખેલો ટૂંકો જવાબ છે. આજે હવામાન સારું છે અને લોકો બહાર છે.",
    "hi": "यह हिन्दी भाषा में लिखा गया एक छोटा उत्तर है। आज मौसम अच्छा है और लोग बाहर हैं।",
    "it": "Questa è una breve risposta scritta in italiano. Oggi il tempo è bello e la gente è fuori.",
    "ja": "これは日本語で書いた短い答えです。今日は天気がよくて、人々は外にいます。",
    "kn": "ಇದು ಕನ್ನಡ ಭಾಷೆಯಲ್ಲಿ ಬರೆದ ಚಿಕ್ಕ ಉತ್ತರ. ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ ಮತ್ತು ಜನರು ಹೊರಗೆ ಇದ್ದಾರೆ.",
    "ko": "이것은 한국어로 쓴 짧은 답입니다. 오늘은 날씨가 좋고 사람들이 밖에 있습니다.",
    "ml": "ഇത് മലയാളത്തിൽ എഴുതിയ ചെറിയ ഉത്തരമാണ്. ഇന്ന് കാലാവസ്ഥ നല്ലതാണ്, ആളുകൾ പുറത്താണ്.",
    "mr": "हे मराठी भाषेत लिहिलेले एक छोटे उत्तर आहे. आज हवामान चांगले आहे आणि लोक बाहेर आहेत.",
    "ne": "यो नेपाली भाषामा लेखिएको छोटो उत्तर हो। आज मौसम राम्रो छ र मानिसहरू बाहिर छन्।",
    "pa": "ਇਹ ਪੰਜਾਬੀ ਭਾਸ਼ਾ ਵਿੱਚ ਲਿਖਿਆ ਇੱਕ ਛੋਟਾ ਜਵਾਬ ਹੈ। ਅੱਜ ਮੌਸਮ ਚੰਗਾ ਹੈ ਅਤੇ ਲੋਕ ਬਾਹਰ ਹਨ।",
    "pl": "To jest krótka odpowiedź napisana po polsku. Dzisiaj pogoda jest ładna i ludzie są na ulicy.",
    "pt": "Esta é uma resposta curta escrita em português. Hoje o tempo está bom e as pessoas estão na rua.",
    "ru": "Это короткий ответ, написанный на русском языке. Сегодня хорошая погода, и люди на улице.",
    "sw": "Hili ni jibu fupi lililoandikwa kwa Kiswahili. Leo hali ya hewa ni nzuri na watu wako nje.",
    "ta": "இது தமிழ் மொழியில் எழுதப்பட்ட சிறிய பதில். இன்று வானிலை நன்றாக உள்ளது, மக்கள் வெளியே உள்ளனர்.",
    "te": "ఇది తెలుగు భాషలో రాసిన చిన్న సమాధానం. ఈ రోజు వాతావరణం బాగుంది మరియు ప్రజలు బయట ఉన్నారు.",
    "th": "นี่คือคำตอบสั้น ๆ ที่เขียนเป็นภาษาไทย วันนี้อากาศดีและผู้คนอยู่ข้างนอก",
    "uk": "Це коротка відповідь, написана українською мовою. Сьогодні гарна погода, і люди надворі.",
    "ur": "یہ اردو زبان میں لکھا گیا ایک مختصر جواب ہے۔ آج موسم اچھا ہے اور لوگ باہر ہیں۔",
    "vi": "Đây là một câu trả lời ngắn viết bằng tiếng Việt. Hôm nay trời đẹp và mọi người ở ngoài đường.",
}
