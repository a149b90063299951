"""What is in force at an instant: terms compiled, with exchange rates, suppliers and areas."""
