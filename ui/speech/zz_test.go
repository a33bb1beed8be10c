package speech
